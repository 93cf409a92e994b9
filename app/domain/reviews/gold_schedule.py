"""When a gold pair is due for a reviewer, and which gold pair. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.pairs.required_reviews import share_of


def due(reviewer_id: str, reviewed: int, first: int, share: float) -> bool:
    """Whether the next item of a reviewer with this many reviews is a gold pair. Deterministic in its arguments."""
    return reviewed < first or share_of("gold", reviewer_id, reviewed) < share


def order(reviewer_id: str, pair_ids: Sequence[str]) -> list[str]:
    """Sort gold pairs in an order that differs by reviewer, so that no reviewer can tell another what comes next."""
    return sorted(pair_ids, key=lambda pair_id: share_of("order", reviewer_id, pair_id))
