"""When a gold pair is due for a reviewer, and which one. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.pairs.required_reviews import share_of


def due(reviewer_id: str, judged: int, first: int, share: float) -> bool:
    """Is the next item of a reviewer who has judged so many a gold one? The same for the same reviewer and count."""
    return judged < first or share_of("gold", reviewer_id, judged) < share


def order(reviewer_id: str, pair_ids: Sequence[str]) -> list[str]:
    """Gold pairs in an order of this reviewer's own, so that nobody can pass on what comes next."""
    return sorted(pair_ids, key=lambda one: share_of("order", reviewer_id, one))
