"""Rounds: create, edit, close, and follow their progress."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session

from app.api.deps import CurrentProject, CurrentUser, requires
from app.api.schemas.base import Items
from app.api.schemas.rounds import ChangedRound, NewRound, RoundOut, RoundProgress
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.progress import queries as progress_queries, throughput_queries
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.rounds import actions as rounds_actions, queries as rounds_queries, targets as round_targets
from app.domain.rounds.tables import Round
from app.http.transactions import DbSession

router = APIRouter(tags=["rounds"], route_class=StrictRoute)


def round_out(session: Session, round_: Round) -> RoundOut:
    return RoundOut(**_fields(session, round_))


def _fields(session: Session, round_: Round) -> dict[str, Any]:
    assigned = rounds_queries.assignees(session, [round_]).get(round_.id, {})
    names = ("id", "number", "title", "brief", "state", "guideline_id", "created_at", "closed_at")
    return {name: getattr(round_, name) for name in names} | {
        "targets": [round_targets.shown(target) for target in round_.targets],
        "deadline": round_.deadline.date().isoformat() if round_.deadline else None,
        "assignees": [{"user": user_id, "count": count} for user_id, count in assigned.items()],
    }


def with_progress(session: Session, user: User, project: Project, round_: Round) -> RoundProgress:
    """A round with its progress; authors get only their own row of `people`."""
    sees_all = access.allows(session, user, Permission.REVIEW_PAIR, project)
    progress = progress_queries.of_round(session, round_)
    throughput = throughput_queries.of_round(session, round_)
    return RoundProgress(
        **_fields(session, round_),
        progress=progress.targets,
        people=[person for person in progress.people if sees_all or person["user"] == user.id],
        total=progress.total,
        reached=progress.reached,
        throughput=throughput.as_dict() if throughput else None,
    )


@router.post(
    "/projects/{slug}/rounds",
    status_code=201,
    dependencies=[requires(Permission.OPEN_ROUND)],
    response_model_exclude_unset=True,
)
def create_round(project: CurrentProject, body: NewRound, session: DbSession, user: CurrentUser) -> RoundOut:
    return round_out(session, rounds_actions.create_round(session, user, project, **body.model_dump()))


@router.get(
    "/projects/{slug}/rounds", dependencies=[requires(Permission.READ_PROJECT)], response_model_exclude_unset=True
)
def list_rounds(project: CurrentProject, session: DbSession, user: CurrentUser) -> Items[RoundProgress]:
    rounds = rounds_queries.all_rounds(session, project)
    return Items(items=[with_progress(session, user, project, round_) for round_ in rounds], next=None)


@router.get(
    "/projects/{slug}/rounds/{round_id}",
    dependencies=[requires(Permission.READ_PROJECT)],
    response_model_exclude_unset=True,
)
def show_round(project: CurrentProject, round_id: str, session: DbSession, user: CurrentUser) -> RoundProgress:
    return with_progress(session, user, project, rounds_queries.by_id(session, project, round_id))


@router.patch(
    "/projects/{slug}/rounds/{round_id}",
    dependencies=[requires(Permission.OPEN_ROUND)],
    response_model_exclude_unset=True,
)
def edit_round(
    project: CurrentProject, round_id: str, body: ChangedRound, session: DbSession, user: CurrentUser
) -> RoundOut:
    round_ = rounds_queries.by_id(session, project, round_id)
    return round_out(session, rounds_actions.edit_round(session, user, project, round_, body.changes()))


@router.post(
    "/projects/{slug}/rounds/{round_id}/close",
    dependencies=[requires(Permission.OPEN_ROUND)],
    response_model_exclude_unset=True,
)
def close_round(project: CurrentProject, round_id: str, session: DbSession, user: CurrentUser) -> RoundOut:
    round_ = rounds_queries.by_id(session, project, round_id)
    return round_out(session, rounds_actions.close_round(session, user, project, round_))
