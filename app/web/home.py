"""What shall I do now? The most urgent first: experts mend and write, editors review, admins look after projects."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.jobs import Job
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.consent import queries as consent
from app.domain.datasets import queries as datasets
from app.domain.findings import queries as findings
from app.domain.pairs import progress
from app.domain.pairs import queries as pairs
from app.domain.projects import queries as projects
from app.domain.projects.tables import Project
from app.domain.provenance import queries as provenance
from app.domain.reviews import pace
from app.domain.reviews import queries as reviews
from app.domain.rounds import queries as rounds
from app.domain.training import alarms
from app.domain.training import queries as training
from app.web.deps import Db, Me, asks
from app.web.render import page
from app.web.rounds import row

router = APIRouter()
SHOWN = 5
"""Returned pairs and drafts of one project; the rest is one link away."""


@router.get("/", dependencies=[asks(Permission.USE)])
def home(request: Request, session: Db, user: Me) -> Response:
    mine = projects.projects_of(session, user)
    desks = [_desk(session, user, project) for project in mine]
    return page(
        request,
        "home/home.html",
        desks=sorted(desks, key=lambda desk: -_urgency(desk)),
        terms_due=consent.due(session, user),
        **_alarms(session, user, mine),
    )


@router.get("/style", dependencies=[asks(Permission.USE)])
def style(request: Request, user: Me) -> Response:
    """The living pattern page: every component in every state."""
    return page(request, "style/patterns.html")


def _alarms(session: Session, user: User, mine: list[Project]) -> dict[str, Any]:
    """What an admin must hear of before anything else."""
    if not user.is_admin:
        return {"to_erase": [], "failed": [], "silence": None, "untaken": 0}
    named = {project.id: project for project in mine}
    return {
        "to_erase": provenance.who_asked(session),
        "failed": [_failure(session, job, named) for job in alarms.failed(session, list(named))],
        "silence": alarms.silence(session),
        "untaken": alarms.untaken(session),
    }


def _failure(session: Session, job: Job, named: dict[str, Project]) -> dict[str, Any]:
    address = f"/runs/{training.of_job(session, job.id).id}" if job.kind == alarms.KIND else f"/jobs/{job.id}"
    return {"job": job, "project": named[str(job.project_id)], "address": address}


def _desk(session: Session, user: User, project: Project) -> dict[str, Any]:
    role = projects.role_of(session, user, project)
    desk: dict[str, Any] = {"project": project, "role": role, "late": []}
    open_ = [row(session, user, project, one) for one in rounds.by_urgency(rounds.open_rounds(session, project))]
    desk["rounds"] = sorted((one for one in open_ if _is_for(one)), key=lambda one: not _assigned(one))
    if role == "expert":
        desk |= _writing(session, user, project)
    if role == "editor" or user.is_admin:
        desk |= _reviewing(session, user, project)
    if user.is_admin:
        desk |= _looking_after(session, project)
        desk["rounds"] = desk["rounds"] if role else []
        desk["late"] = [one for one in open_ if one["late"] or (one["pace"] and one["pace"].behind)]
    return desk


def _is_for(one: dict[str, Any]) -> bool:
    """A round with assignees is theirs; a round without is everybody's."""
    return _assigned(one) or not any(person["assigned"] for person in one["progress"].people)


def _assigned(one: dict[str, Any]) -> bool:
    return bool(one["mine"] and one["mine"]["assigned"])


def _writing(session: Session, user: User, project: Project) -> dict[str, Any]:
    returned, drafts = (_own(session, user, project, state) for state in ("changes_requested", "draft"))
    texts = pairs.currents(session, [*returned, *drafts])
    return {
        "own": progress.own(session, project, user.id),
        "returned": [_returned(session, pair, texts[pair.id]) for pair in returned],
        "drafts": [(pair, texts[pair.id]) for pair in drafts],
    }


def _reviewing(session: Session, user: User, project: Project) -> dict[str, Any]:
    rates = reviews.gold_rates(session, project, user).get(user.id, [])
    return {
        "queue": reviews.queue_length(session, project, user),
        "oldest": pace.queue(session, project, user)["oldest"],
        "to_rule": len(reviews.to_adjudicate(session, project)) if user.is_admin else 0,
        "remarks": pace.with_open_comments(session, project, user),
        "judged": pace.own(session, project, user),
        "gold": next((rate for rate in rates if rate.name == "decision" and rate.n), None),
    }


def _looking_after(session: Session, project: Project) -> dict[str, Any]:
    versions = datasets.versions(session, project)
    return {
        "runs": training.runs(session, project)[:3],
        "findings": [one for one in findings.of_project(session, project) if one.state == "open"],
        "version": versions[0] if versions else None,
    }


def _own(session: Session, user: User, project: Project, state: str) -> list[Any]:
    return pairs.page(session, project, state=state, author=user.id, limit=SHOWN).items


def _returned(session: Session, pair: Any, revision: Any) -> dict[str, Any]:
    """A returned pair with the reason on top of it."""
    given = [one for one in reviews.of_pair(session, pair) if one.decision == "return" and not one.undone_at]
    reason = max(given, key=lambda one: one.created_at).comment if given else ""
    return {"pair": pair, "revision": revision, "reason": reason}


def _urgency(desk: dict[str, Any]) -> float:
    """Projects with something to do stand first: returned work, then deadlines, then a queue."""
    deadlines = [one["round"].deadline for one in desk["rounds"] if one["round"].deadline and one["next"]]
    days = min(((one - datetime.now(UTC)).days for one in deadlines), default=99)
    return (
        1000.0 * bool(desk.get("returned"))
        + 500 * bool(desk["late"])
        + (300 - days if days < 99 else 0)
        + 200 * bool(desk.get("queue"))
    )
