"""Create, edit and close rounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.errors import Conflict, Invalid
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.guidelines import queries as guidelines_queries
from app.domain.notifications import actions as notifications_actions
from app.domain.projects import access, queries as projects_queries
from app.domain.projects.tables import Project
from app.domain.rounds import targets as round_targets
from app.domain.rounds.tables import Assignee, Round

MAX_BRIEF = 20_000
MAX_LENGTH = timedelta(days=731)


def create_round(
    session: Session,
    user: User,
    project: Project,
    *,
    title: str,
    brief: str,
    targets: Sequence[Mapping[str, Any]],
    deadline: str | None = None,
    assignees: Sequence[Mapping[str, Any]] = (),
) -> Round:
    """Create a round under the current guideline. Raises Forbidden, Invalid."""
    access.require(session, user, Permission.OPEN_ROUND, project)
    checked = {"title": _title(title), "brief": _brief(brief), "targets": round_targets.parse(targets)}
    people = _people(session, project, assignees)
    round_ = Round(
        project_id=project.id,
        number=projects_queries.next_number(session, Round, project.id),
        guideline_id=guidelines_queries.current_id(session, project),
        deadline=_deadline(deadline),
        **checked,
    )
    session.add(round_)
    session.flush()
    _assign(session, round_, people)
    event = ("round.opened", "round", round_.id)
    audit_actions.record(session, user.id, *event, project_id=project.id, number=round_.number)
    notifications_actions.notify(session, people, project.id, *event, but=user.id, number=round_.number)
    return round_


def edit_round(session: Session, user: User, project: Project, round_: Round, changes: Mapping[str, Any]) -> Round:
    """Change some of title, brief, targets, deadline, assignees. Raises Forbidden, Invalid, Conflict when closed."""
    access.require(session, user, Permission.OPEN_ROUND, project)
    if round_.state != "open":
        raise Conflict("This round is closed; create a new round.")
    people = _people(session, project, changes["assignees"]) if "assignees" in changes else None
    checks: dict[str, Callable[[Any], Any]] = {"title": _title, "brief": _brief, "targets": round_targets.parse}
    checked = {name: check(changes[name]) for name, check in checks.items() if name in changes}
    if "deadline" in changes:
        checked["deadline"] = _deadline(changes["deadline"], before=round_.deadline)
    for name, value in checked.items():
        setattr(round_, name, value)
    if people is not None and (added := _assign(session, round_, people)):
        notifications_actions.notify(session, added, project.id, "round.assigned", "round", round_.id, but=user.id)
    session.flush()
    changed = ", ".join(sorted(changes))
    audit_actions.record(session, user.id, "round.edited", "round", round_.id, project_id=project.id, changed=changed)
    return round_


def close_round(session: Session, user: User, project: Project, round_: Round) -> Round:
    """Close a round. Raises Forbidden, Conflict when it is closed already."""
    access.require(session, user, Permission.OPEN_ROUND, project)
    if round_.state != "open":
        raise Conflict("This round is already closed.")
    round_.state, round_.closed_at = "closed", now()
    audit_actions.record(session, user.id, "round.closed", "round", round_.id, project_id=project.id)
    return round_


def _assign(session: Session, round_: Round, people: Mapping[str, int | None]) -> set[str]:
    """Replace the assignees. Returns the user ids that were not assigned before."""
    before = session.scalars(delete(Assignee).where(Assignee.round_id == round_.id).returning(Assignee.user_id))
    added = set(people) - set(before)
    session.add_all(Assignee(round_id=round_.id, user_id=user_id, count=count) for user_id, count in people.items())
    session.flush()
    return added


def _title(title: str) -> str:
    if not title.strip() or len(title.strip()) > 160:
        raise Invalid("A round needs a title of at most 160 characters.", field="title")
    return title.strip()


def _brief(brief: str) -> str:
    if len(brief) > MAX_BRIEF:
        raise Invalid(f"A brief has at most {MAX_BRIEF:,} characters.", field="brief")
    return brief


def _deadline(day: str | None, before: datetime | None = None) -> datetime | None:
    """The last day of the round, stored as its first moment in UTC. Only an unchanged deadline may be in the past."""
    if not day:
        return None
    try:
        at = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Invalid("Write the deadline as a date, such as 2026-11-30.", field="deadline") from None
    if at != before and at.date() < now().date():
        raise Invalid("The deadline is in the past; choose a later date.", field="deadline")
    if at - now() > MAX_LENGTH:
        raise Invalid("A round lasts at most two years; choose an earlier deadline.", field="deadline")
    return at


def _people(session: Session, project: Project, assignees: Sequence[Mapping[str, Any]]) -> dict[str, int | None]:
    """User id -> number of pairs to write. Raises Invalid for a user who is not a member or is listed twice."""
    members = projects_queries.members(session, project)
    ids = {user.id: user.id for _, user in members} | {user.email.casefold(): user.id for _, user in members}
    people: dict[str, int | None] = {}
    for assignee in assignees:
        name, count = assignee.get("user") or assignee.get("email"), assignee.get("count")
        user_id = ids.get(name if name in ids else str(name).casefold())
        if user_id is None or set(assignee) - {"user", "email", "count"}:
            raise Invalid("An assignee is {user or email, count}, and a member of the project.", field="assignees")
        if user_id in people:
            raise Invalid("List each assignee only once.", field="assignees")
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 1_000_000):
            raise Invalid(
                "An assignee's count must be a whole number, or empty to share the targets.", field="assignees"
            )
        people[user_id] = count
    return people
