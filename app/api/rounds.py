"""Rounds: create, edit, close, and follow their progress."""

from __future__ import annotations

from operator import not_
from typing import Any

from pydantic import Field
from sqlalchemy.orm import Session

from app.api.deps import CurrentProject, CurrentUser, DbSession, requires
from app.api.schemas import Body, Items, Json, Model, StoredModel, Timestamp
from app.api.strict_route import strict_router
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.progress import queries as progress_queries
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.rounds import actions as rounds_actions, queries as rounds_queries, targets as round_targets
from app.domain.rounds.tables import Round

router = strict_router("rounds")


class NewRound(Body):
    """A target is {"tags": {name: value, … 1 to 4}, "count": n}; an assignee {"user" or "email", "count"}."""

    title: str
    brief: str = ""
    targets: list[Json] = Field(default_factory=list)
    deadline: str | None = Field(None, description="The last day, 2026-11-30.")
    assignees: list[Json] = Field(default_factory=list)


class ChangedRound(Body):
    """A field that is left out stays as it is."""

    title: str | None = None
    brief: str | None = None
    targets: list[Json] | None = None
    deadline: str | None = None
    assignees: list[Json] | None = None

    def changes(self) -> dict[str, Any]:
        """Only the deadline can be removed by null; elsewhere null means the same as leaving the field out."""
        fields = self.model_dump(exclude_unset=True)
        return {name: value for name, value in fields.items() if value is not None or name == "deadline"}


class Target(Model):
    """`tag` and `value` repeat a single tag; a target without tags counts any pair of the round."""

    count: int
    tags: dict[str, str] = Field(default_factory=dict, exclude_if=not_)
    tag: str = Field("", exclude_if=not_)
    value: str = Field("", exclude_if=not_)


class Assignee(Model):
    user: str
    count: int | None


class RoundOut(StoredModel):
    number: int
    title: str
    brief: str
    state: str
    guideline_id: str | None
    closed_at: Timestamp | None
    targets: list[Target]
    deadline: str | None
    assignees: list[Assignee]


class Counts(Model):
    written: int
    submitted: int
    returned: int
    approved: int
    rejected: int


class TargetProgress(Target, Counts):
    label: str
    lacking: int
    to_write: int


class PersonProgress(Counts):
    user: str
    assigned: bool
    count: int | None
    lacking: int | None


class Forecast(Model):
    expected: int
    low: int
    high: int
    days: int


class Throughput(Model):
    target: int
    done: int
    forecast: Forecast | None
    needed_per_day: float | None
    words: str
    behind: bool


class RoundProgress(RoundOut):
    """A round with its progress. An author sees only their own row of `people`; reviewers see all rows."""

    progress: list[TargetProgress]
    people: list[PersonProgress]
    total: int
    reached: int
    throughput: Throughput | None


def round_out(session: Session, round_: Round) -> RoundOut:
    return RoundOut.of(round_, **_shown(session, round_))


def _shown(session: Session, round_: Round) -> dict[str, Any]:
    assigned = rounds_queries.assignees(session, [round_]).get(round_.id, {})
    return {
        "targets": [round_targets.shown(target) for target in round_.targets],
        "deadline": round_.deadline.date().isoformat() if round_.deadline else None,
        "assignees": [{"user": user_id, "count": count} for user_id, count in assigned.items()],
    }


def with_progress(session: Session, user: User, project: Project, round_: Round) -> RoundProgress:
    """A round with its progress; authors get only their own row of `people`."""
    sees_all = access.allows(session, user, Permission.REVIEW_PAIR, project)
    progress = progress_queries.of_round(session, round_)
    return RoundProgress.of(
        round_,
        progress,
        **_shown(session, round_),
        progress=progress.targets,
        people=[person for person in progress.people if sees_all or person["user"] == user.id],
        throughput=progress_queries.throughput(session, round_),
    )


@router.post("/projects/{slug}/rounds", status_code=201, dependencies=[requires(Permission.OPEN_ROUND)])
def create_round(project: CurrentProject, body: NewRound, session: DbSession, user: CurrentUser) -> RoundOut:
    return round_out(session, rounds_actions.create_round(session, user, project, **body.model_dump()))


@router.get("/projects/{slug}/rounds", dependencies=[requires(Permission.READ_PROJECT)])
def list_rounds(project: CurrentProject, session: DbSession, user: CurrentUser) -> Items[RoundProgress]:
    rounds = rounds_queries.all_rounds(session, project)
    return Items[RoundProgress](items=[with_progress(session, user, project, round_) for round_ in rounds])


@router.get("/projects/{slug}/rounds/{round_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show_round(project: CurrentProject, round_id: str, session: DbSession, user: CurrentUser) -> RoundProgress:
    return with_progress(session, user, project, rounds_queries.by_id(session, project, round_id))


@router.patch("/projects/{slug}/rounds/{round_id}", dependencies=[requires(Permission.OPEN_ROUND)])
def edit_round(
    project: CurrentProject, round_id: str, body: ChangedRound, session: DbSession, user: CurrentUser
) -> RoundOut:
    round_ = rounds_queries.by_id(session, project, round_id)
    return round_out(session, rounds_actions.edit_round(session, user, project, round_, body.changes()))


@router.post("/projects/{slug}/rounds/{round_id}/close", dependencies=[requires(Permission.OPEN_ROUND)])
def close_round(project: CurrentProject, round_id: str, session: DbSession, user: CurrentUser) -> RoundOut:
    round_ = rounds_queries.by_id(session, project, round_id)
    return round_out(session, rounds_actions.close_round(session, user, project, round_))
