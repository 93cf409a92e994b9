"""Mark a pair as gold, and retire it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.core.errors import Conflict, Invalid
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.pairs import actions as pairs_actions, queries as pairs_queries
from app.domain.pairs.indexes import index_actions
from app.domain.pairs.states import State
from app.domain.pairs.tables import Pair, PairTag
from app.domain.projects import access
from app.domain.reviews import decisions, queries as reviews_queries
from app.domain.reviews.decisions import Answer
from app.domain.reviews.tables import GoldAnswer, Lease


def mark(
    session: Session, user: User, pair: Pair, *, decision: str, ratings: dict[str, Any], explanation: str
) -> GoldAnswer:
    """Make the pair a gold pair with this right answer; lists, counts, the queue and versions leave it out.

    Raises Forbidden, Conflict while a reviewer holds a lease on it, Invalid.
    """
    project = access.require_in(session, user, Permission.MANAGE_PROJECT, pair.project_id)
    if pair.is_gold or pair.state in (State.DISCARDED, State.WITHDRAWN):
        raise Conflict("This pair is already gold, or discarded or withdrawn; choose another.")
    if reviews_queries.live_leases(session, pair):
        raise Conflict("A reviewer is working on this pair; mark it when they are done, or choose another.")
    decisions.check(project, Answer(decision, ratings, explanation), decisions.FINAL_DECISIONS)
    if not explanation.strip():
        raise Invalid("Explain the right answer: reviewers see the explanation after they answer.", field="explanation")
    answer = session.get(GoldAnswer, pair.id) or GoldAnswer(pair_id=pair.id)
    answer.decision, answer.ratings = decision, decisions.complete(project, ratings)
    answer.explanation, answer.active, answer.created_by = explanation, True, user.id
    session.add(answer)
    pair.is_gold = True
    session.execute(delete(PairTag).where(PairTag.pair_id == pair.id))
    pairs_actions.record(session, user, "gold.marked", pair, decision=decision)
    return answer


def retire(session: Session, user: User, pair: Pair) -> None:
    """Stop serving the pair as gold; its state is the one it had before. Answers and hit rates stay."""
    access.require_in(session, user, Permission.MANAGE_PROJECT, pair.project_id)
    answer = session.get(GoldAnswer, pair.id)
    if answer is None or not pair.is_gold:
        raise Conflict("This pair is not gold.")
    answer.active, pair.is_gold = False, False
    session.execute(delete(Lease).where(Lease.pair_id == pair.id))
    index_actions.reindex(session, pair, pairs_queries.current(session, pair))
    pairs_actions.record(session, user, "gold.retired", pair)
