"""The states of a pair, derived from its reviews and never set by hand. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from app.domain.pairs.required_reviews import Outcome, outcome


class State(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    REJECTED = "rejected"
    DISCARDED = "discarded"
    WITHDRAWN = "withdrawn"


EDITABLE = {State.DRAFT, State.SUBMITTED, State.IN_REVIEW, State.CHANGES_REQUESTED, State.APPROVED}
HIDDEN = (State.DRAFT, State.DISCARDED, State.REJECTED, State.WITHDRAWN)
"""Pairs that no other pair is compared with."""
QUEUED = (State.SUBMITTED, State.IN_REVIEW)


def derive(
    *,
    discarded: bool,
    submitted: bool,
    leased: bool,
    decisions: Sequence[str],
    needed: int,
    adjudication: str | None = None,
) -> State:
    """Return the state of a pair whose submitted revision has these reviews, one for each reviewer, oldest first.

    An adjudication decides. Otherwise the reviews do, once `needed` of them agree; a reject among the refusals weighs
    more than a return. A split or escalated pair stays in review until it is adjudicated.
    """
    if discarded:
        return State.DISCARDED
    if not submitted:
        return State.DRAFT
    deciding = [adjudication] if adjudication else decisions
    match outcome(deciding, 1 if adjudication else needed):
        case Outcome.ACCEPTED:
            return State.APPROVED
        case Outcome.REFUSED:
            return State.REJECTED if "reject" in deciding else State.CHANGES_REQUESTED
    return State.IN_REVIEW if leased or decisions else State.SUBMITTED
