"""Rounds: what is asked of the experts, how far it is, and the progress of a whole project."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy.orm import Session

from app.api.deps import Body, CurrentProject, CurrentUser, requires
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.pairs import queries as pairs_queries
from app.domain.progress import queries as progress_queries
from app.domain.progress import throughput_queries
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.review_quality import reviewer_stats_queries
from app.domain.rounds import actions as rounds_actions
from app.domain.rounds import queries as rounds_queries
from app.domain.rounds import targets as round_targets
from app.domain.rounds.tables import Round
from app.http.transactions import DbSession

router = APIRouter(tags=["rounds"], route_class=StrictRoute)


class NewRound(Body):
    """A target is {"tags": {name: value, …1 to 4}, "count": n}; an assignee {"user" or "email", "count"}."""

    title: str
    brief: str = ""
    targets: list[dict[str, Any]] = Field(default_factory=list)
    deadline: str | None = Field(None, description="The last day, 2026-11-30.")
    assignees: list[dict[str, Any]] = Field(default_factory=list)


class ChangedRound(Body):
    """What is left out stays as it is."""

    title: str | None = None
    brief: str | None = None
    targets: list[dict[str, Any]] | None = None
    deadline: str | None = None
    assignees: list[dict[str, Any]] | None = None

    def changes(self) -> dict[str, Any]:
        """Only a deadline may be taken away; null elsewhere means the same as left out."""
        given = self.model_dump(exclude_unset=True)
        return {name: value for name, value in given.items() if value is not None or name == "deadline"}


def round_json(session: Session, round_: Round) -> dict[str, Any]:
    asked = rounds_queries.assignees(session, [round_]).get(round_.id, {})
    names = ("id", "number", "title", "brief", "state", "guideline_id", "created_at", "closed_at")
    return {name: getattr(round_, name) for name in names} | {
        "targets": [round_targets.shown(target) for target in round_.targets],
        "deadline": round_.deadline.date().isoformat() if round_.deadline else None,
        "assignees": [{"user": user_id, "count": count} for user_id, count in asked.items()],
    }


def with_progress(session: Session, user: User, project: Project, round_: Round) -> dict[str, Any]:
    """An author sees the own row of `people`; who reviews sees all."""
    sees_all = access.allows(session, user, Permission.REVIEW_PAIR, project)
    found, pace_ = progress_queries.of_round(session, round_), throughput_queries.of_round(session, round_)
    return round_json(session, round_) | {
        "progress": found.targets,
        "people": [one for one in found.people if sees_all or one["user"] == user.id],
        "total": found.total,
        "reached": found.reached,
        "throughput": pace_.as_dict() if pace_ else None,
    }


@router.post("/projects/{slug}/rounds", status_code=201, dependencies=[requires(Permission.OPEN_ROUND)])
def open_round(project: CurrentProject, body: NewRound, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    return round_json(session, rounds_actions.create_round(session, user, project, **body.model_dump()))


@router.get("/projects/{slug}/rounds", dependencies=[requires(Permission.READ_PROJECT)])
def list_rounds(project: CurrentProject, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    found = rounds_queries.all_rounds(session, project)
    return {"items": [with_progress(session, user, project, one) for one in found], "next": None}


@router.get("/projects/{slug}/rounds/{round_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show_round(project: CurrentProject, round_id: str, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    return with_progress(session, user, project, rounds_queries.by_id(session, project, round_id))


@router.patch("/projects/{slug}/rounds/{round_id}", dependencies=[requires(Permission.OPEN_ROUND)])
def edit_round(
    project: CurrentProject, round_id: str, body: ChangedRound, session: DbSession, user: CurrentUser
) -> dict[str, Any]:
    round_ = rounds_queries.by_id(session, project, round_id)
    return round_json(session, rounds_actions.edit_round(session, user, project, round_, body.changes()))


@router.post("/projects/{slug}/rounds/{round_id}/close", dependencies=[requires(Permission.OPEN_ROUND)])
def close_round(project: CurrentProject, round_id: str, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    round_ = rounds_queries.by_id(session, project, round_id)
    return round_json(session, rounds_actions.close_round(session, user, project, round_))


@router.get("/projects/{slug}/progress", dependencies=[requires(Permission.READ_PROJECT)])
def show_progress(project: CurrentProject, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    """The open rounds, approved pairs a day of the last month, coverage, and the caller's own work."""
    covered = progress_queries.coverage(session, project)
    by_day = progress_queries.approved_by_day(session, project)
    return {
        "counts": pairs_queries.counts_by_state(session, project),
        "rounds": [
            with_progress(session, user, project, one)
            for one in rounds_queries.by_urgency(rounds_queries.open_rounds(session, project))
        ],
        "approved_by_day": [{"day": day.isoformat(), "approved": n} for day, n in sorted(by_day.items())],
        "coverage": [
            {"domain": domain or None, "language": language or None, **counts}
            for (domain, language), counts in sorted(covered["cells"].items())
        ],
        "own": {
            "pairs": progress_queries.author_counts(session, project, user.id),
            "reviews": reviewer_stats_queries.reviewer_counts(session, project, user),
        },
    }
