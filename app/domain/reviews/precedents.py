"""How pairs like this one were decided: what a reviewer reads beside the item. Reads only."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.actions import content_of
from app.domain.pairs.states import State
from app.domain.pairs.tables import Revision
from app.domain.projects.tables import Project
from app.domain.reviews import queries
from app.domain.reviews.tables import Review

DECIDED = (State.APPROVED, State.CHANGES_REQUESTED, State.REJECTED)


def like(session: Session, project: Project, revision: Revision, most: int = 3) -> list[dict[str, Any]]:
    """Decided pairs with a near prompt, by wording or by meaning: {near, review, ruled}; adjudicated ones first."""
    found: list[dict[str, Any]] = []
    for near in pairs_queries.neighbours_of(session, project, content_of(revision), without=revision.pair_id)[:20]:
        pair = pairs_queries.by_id(session, near.pair)
        if pair.state in DECIDED and (given := queries.of_pair(session, pair)):
            review = max(given, key=lambda one: (_ruled(one), one.id))
            found.append({"near": near, "review": review, "ruled": _ruled(review)})
    return sorted(found, key=lambda one: (not one["ruled"], -one["near"].similarity))[:most]


def _ruled(review: Review) -> bool:
    return review.kind in ("adjudication", "old_adjudication")
