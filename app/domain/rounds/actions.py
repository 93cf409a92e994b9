"""Opening and closing rounds."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.core.database import now
from app.core.errors import Conflict, Invalid
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit
from app.domain.guidelines import queries as guideline_queries
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.rounds import queries
from app.domain.rounds.tables import Round


def open_round(
    session: Session, user: User, project: Project, *, title: str, brief: str, targets: list[dict[str, Any]]
) -> Round:
    """A new round under the guideline in force. Raises Forbidden or Invalid."""
    access.require(session, user, Permission.OPEN_ROUND, project)
    if not title.strip() or len(title) > 160:
        raise Invalid("A round needs a title of at most 160 characters.", field="title")
    checked = [_target(target) for target in targets]
    guideline = guideline_queries.current(session, project)
    numbers = [round_.number for round_ in queries.all_rounds(session, project)]
    round_ = Round(
        project_id=project.id,
        number=max(numbers, default=0) + 1,
        title=title.strip(),
        brief=brief,
        targets=checked,
        guideline_id=guideline.id if guideline else None,
    )
    session.add(round_)
    session.flush()
    audit.record(session, user.id, "round.opened", "round", round_.id, project_id=project.id, number=round_.number)
    return round_


def close_round(session: Session, user: User, project: Project, round_: Round) -> Round:
    access.require(session, user, Permission.OPEN_ROUND, project)
    if round_.state != "open":
        raise Conflict("This round is closed already.")
    round_.state, round_.closed_at = "closed", now()
    audit.record(session, user.id, "round.closed", "round", round_.id, project_id=project.id)
    return round_


def _target(target: dict[str, Any]) -> dict[str, Any]:
    tag, value, count = target.get("tag"), target.get("value"), target.get("count")
    if not tag or not value or not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 1_000_000:
        raise Invalid("A target has a tag, a value and a count of at least 1.", field="targets")
    return {"tag": str(tag)[:60], "value": str(value)[:120], "count": count}
