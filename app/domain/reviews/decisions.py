"""The steps that every verdict takes: checked, the text mended, written down, the state derived anew."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.core.db import fast_rows
from app.core.db.base import now
from app.core.errors import Invalid
from app.domain.accounts.tables import User
from app.domain.guidelines import queries as guidelines_queries
from app.domain.pairs import actions as pairs_actions
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs import states
from app.domain.pairs.content import parse
from app.domain.pairs.tables import Pair
from app.domain.projects.tables import Project
from app.domain.reviews import queries
from app.domain.reviews.queue import ADJUDICATION, OPINION
from app.domain.reviews.tables import Review

DECISIONS = ("accept", "fix_and_accept", "return", "reject", "escalate")
RULINGS = DECISIONS[:-1]
NEEDS_REASON = ("return", "reject", "escalate")


def check(
    project: Project,
    decision: str,
    ratings: dict[str, Any],
    comment: str,
    messages: list[dict[str, Any]] | None,
    among: tuple[str, ...] = DECISIONS,
) -> None:
    """Raises Invalid, naming the field."""
    if decision not in among:
        raise Invalid(f"The decision is one of {', '.join(among)}.", field="decision")
    if messages is not None and decision != "fix_and_accept":
        raise Invalid("Only fix_and_accept changes the text.", field="messages")
    if decision in NEEDS_REASON and not comment.strip():
        raise Invalid("Say why: the author reads this reason.", field="comment")
    if len(comment) > 10_000:
        raise Invalid("A comment has at most 10,000 characters.", field="comment")
    check_ratings(project, ratings)


def check_ratings(project: Project, ratings: dict[str, Any]) -> None:
    names = {criterion["name"] for criterion in project.criteria}
    for name, value in ratings.items():
        if name not in names:
            raise Invalid(f"{name!r} is no criterion here; rate {', '.join(sorted(names))}.", field="ratings")
        if value is not None and (isinstance(value, bool) or value not in (1, 2, 3, 4, 5)):
            raise Invalid(f"{name} is rated 1 to 5, or null where you did not judge it.", field="ratings")


def complete(project: Project, ratings: dict[str, Any]) -> dict[str, Any]:
    """Every criterion, null where it was not judged."""
    return {criterion["name"]: ratings.get(criterion["name"]) for criterion in project.criteria}


def apply_correction(
    session: Session, user: User, project: Project, pair: Pair, fixed: list[dict[str, Any]] | None
) -> None:
    """The reviewer's text as a new revision, which is then the submitted one. Nothing where it is the same."""
    if fixed is None:
        return
    revision = pairs_queries.submitted(session, pair)
    corrected = parse({**pairs_actions.content_of(revision).as_dict(), "messages": fixed})
    if pairs_actions.unchanged(revision, corrected):
        return
    number = pairs_queries.last_number(session, pair) + 1
    saved = pairs_actions.add_revision(session, project, pair, user, corrected, number=number)
    pair.submitted_revision_id = saved.id


def write(
    session: Session,
    user: User,
    project: Project,
    pair: Pair,
    *,
    reviewed: str,
    decision: str,
    ratings: dict[str, Any],
    comment: str,
    kind: str = OPINION,
) -> Review:
    """`reviewed` is the revision that was read; the pair's submitted one is what came of it."""
    review = Review(
        pair_id=pair.id,
        revision_id=pair.submitted_revision_id or reviewed,
        reviewed_revision_id=reviewed,
        reviewer_id=user.id,
        decision=decision,
        ratings=complete(project, ratings),
        comment=comment,
        guideline_id=guidelines_queries.current_id(session, project),
        kind=kind,
    )
    fast_rows.add(session, review)
    return review


def derive(session: Session, project: Project, pair: Pair) -> None:
    """The state that follows from the verdicts that stand."""
    session.flush()
    given = queries.verdicts(session, pair)
    rulings = [decision for kind, decision in given if kind == ADJUDICATION]
    state = states.derive(
        discarded=pair.discarded_at is not None,
        submitted=pair.submitted_revision_id is not None,
        leased=not given and queries.live_leases(session, pair) > 0,
        decisions=[decision for kind, decision in given if kind == OPINION],
        needed=pair.opinions or project.overlap,
        adjudication=rulings[-1] if rulings else None,
    )
    fast_rows.change(session, pair, state=state, updated_at=now())
