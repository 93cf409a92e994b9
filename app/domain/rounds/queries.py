"""Reads of rounds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.domain.projects.tables import Project
from app.domain.rounds.tables import Assignee, Round


def all_rounds(session: Session, project: Project) -> list[Round]:
    """Newest first."""
    return list(session.scalars(select(Round).where(Round.project_id == project.id).order_by(Round.number.desc())))


def open_rounds(session: Session, project: Project) -> list[Round]:
    """Nearest deadline first; rounds without a deadline last, the newest of them first."""
    statement = select(Round).where(Round.project_id == project.id, Round.state == "open")
    return list(session.scalars(statement.order_by(Round.deadline.nulls_last(), Round.number.desc())))


def by_id(session: Session, project: Project, round_id: str) -> Round:
    """Raises NotFound for another project's round."""
    round_ = session.get(Round, round_id)
    if round_ is None or round_.project_id != project.id:
        raise NotFound()
    return round_


def assignees(session: Session, rounds: Sequence[Round]) -> dict[str, dict[str, int | None]]:
    """Round id -> user id -> number of pairs to write (None: the targets are shared). Empty: all members write."""
    by_round: dict[str, dict[str, int | None]] = defaultdict(dict)
    statement = (
        select(Assignee).where(Assignee.round_id.in_([round_.id for round_ in rounds])).order_by(Assignee.user_id)
    )
    for assignee in session.scalars(statement):
        by_round[assignee.round_id][assignee.user_id] = assignee.count
    return by_round
