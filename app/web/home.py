"""The home page: the user's tasks in each project, most urgent first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from app.core.jobs import Job
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.consent import queries as consent_queries
from app.domain.findings import queries as findings_queries
from app.domain.pairs import queries as pairs_queries
from app.domain.privacy import queries as privacy_queries
from app.domain.progress import queries as progress_queries
from app.domain.projects import queries as projects_queries
from app.domain.projects.tables import Project
from app.domain.review_quality import queries as review_quality_queries
from app.domain.reviews import queries as reviews_queries, queue_queries
from app.domain.runs import queries as runs_queries
from app.domain.runs.tables import TRAIN
from app.domain.versions import queries as versions_queries
from app.web.deps import Page, requires
from app.web.rounds import open_rows

router = APIRouter()
SHOWN = 5
"""Maximum number of returned pairs and of drafts shown per project."""


@router.get("/", dependencies=[requires(Permission.USE)])
def home(page: Page) -> Response:
    mine = projects_queries.projects_of(page.session, page.user)
    desks = [_desk(page.session, page.user, project) for project in mine]
    return page.render(
        "home/home.html",
        desks=sorted(desks, key=lambda desk: -_urgency(desk)),
        terms_due=consent_queries.terms_to_accept(page.session, page.user),
        **_alerts(page.session, page.user, mine),
    )


@router.get("/style", dependencies=[requires(Permission.USE)])
def style(page: Page) -> Response:
    """Show every component in every state."""
    return page.render("style/patterns.html")


def _alerts(session: Session, user: User, mine: list[Project]) -> dict[str, Any]:
    """Return problems that need an admin: deletion requests, failed jobs, a missing trainer or worker."""
    if not user.is_admin:
        return {"to_erase": [], "failed": [], "idle_trainer": None, "untaken": 0}
    projects = {project.id: project for project in mine}
    return {
        "to_erase": privacy_queries.users_requesting_erasure(session),
        "failed": [_failure(session, job, projects) for job in runs_queries.failed_jobs(session, list(projects))],
        "idle_trainer": runs_queries.idle_trainer(session),
        "untaken": runs_queries.untaken_jobs(session),
    }


def _failure(session: Session, job: Job, projects: dict[str, Project]) -> dict[str, Any]:
    url = f"/runs/{runs_queries.of_job(session, job.id).id}" if job.kind == TRAIN else f"/jobs/{job.id}"
    return {"job": job, "project": projects[str(job.project_id)], "url": url}


def _desk(session: Session, user: User, project: Project) -> dict[str, Any]:
    role = projects_queries.role_of(session, user, project)
    desk: dict[str, Any] = {"project": project, "role": role, "late": []}
    open_ = open_rows(session, user, project)
    desk["rounds"] = sorted((item for item in open_ if _is_open_to(item)), key=lambda item: not _assigned(item))
    if role == "expert":
        desk |= _writing(session, user, project)
    if role == "editor" or user.is_admin:
        desk |= _reviewing(session, user, project)
    if user.is_admin:
        desk |= _administration(session, project)
        desk["rounds"] = desk["rounds"] if role else []
        desk["late"] = [item for item in open_ if item["late"] or (item["pace"] and item["pace"].behind)]
    return desk


def _is_open_to(item: dict[str, Any]) -> bool:
    """Whether the user may write for the round: assigned to it, or the round has no assignees."""
    return _assigned(item) or not any(person["assigned"] for person in item["progress"].people)


def _assigned(item: dict[str, Any]) -> bool:
    return bool(item["mine"] and item["mine"]["assigned"])


def _writing(session: Session, user: User, project: Project) -> dict[str, Any]:
    returned, drafts = (_own(session, user, project, state) for state in ("changes_requested", "draft"))
    texts = pairs_queries.currents(session, [*returned, *drafts])
    return {
        "own": progress_queries.author_counts(session, project, user.id),
        "returned": [_returned(session, pair, texts[pair.id]) for pair in returned],
        "drafts": [(pair, texts[pair.id]) for pair in drafts],
    }


def _reviewing(session: Session, user: User, project: Project) -> dict[str, Any]:
    rates = review_quality_queries.gold_rates(session, project, user).get(user.id, [])
    return {
        "queue": queue_queries.queue_length(session, project, user),
        "oldest": review_quality_queries.oldest_waiting(session, project, user),
        "adjudications": len(queue_queries.to_adjudicate(session, project)) if user.is_admin else 0,
        "unresolved": review_quality_queries.with_open_comments(session, project, user),
        "stats": review_quality_queries.reviewer_counts(session, project, user),
        "gold": next((rate for rate in rates if rate.name == "decision" and rate.n), None),
    }


def _administration(session: Session, project: Project) -> dict[str, Any]:
    versions = versions_queries.versions(session, project)
    return {
        "runs": runs_queries.runs(session, project)[:3],
        "findings": [item for item in findings_queries.of_project(session, project) if item.state == "open"],
        "version": versions[0] if versions else None,
    }


def _own(session: Session, user: User, project: Project, state: str) -> list[Any]:
    return pairs_queries.page(session, project, state=state, author=user.id, limit=SHOWN).items


def _returned(session: Session, pair: Any, revision: Any) -> dict[str, Any]:
    """Return a returned pair with the reason of its latest return."""
    reviews = reviews_queries.of_pair(session, pair)
    returns = [review for review in reviews if review.decision == "return" and not review.undone_at]
    reason = max(returns, key=lambda review: review.created_at).comment if returns else ""
    return {"pair": pair, "revision": revision, "reason": reason}


def _urgency(desk: dict[str, Any]) -> float:
    """Rank a project: returned pairs first, then late rounds, deadlines, and pairs to review."""
    deadlines = [item["round"].deadline for item in desk["rounds"] if item["round"].deadline and item["next"]]
    days = min(((deadline - datetime.now(UTC)).days for deadline in deadlines), default=99)
    return (
        1000.0 * bool(desk.get("returned"))
        + 500 * bool(desk["late"])
        + (300 - days if days < 99 else 0)
        + 200 * bool(desk.get("queue"))
    )
