"""The states of a pair, derived from its reviews and never set by hand, and how many reviews a submission needs. Pure.

The side with the needed number of reviews wins. If the needed reviews are split, one more is requested; if that decides
nothing either, or a reviewer escalated, a person adjudicates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import StrEnum

ACCEPTING = ("accept", "fix_and_accept")
REFUSING = ("return", "reject")


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


class Outcome(StrEnum):
    WAITS = "waits"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    ADJUDICATE = "adjudicate"


def share_of(*key: object) -> float:
    """Return a number in [0, 1) that depends on the key only: the first 64 bits of its SHA-256."""
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def needed_for(revision_id: str, overlap: int, share: float) -> int:
    """Return `overlap`; if that is 1, return 2 for a `share` of the submissions, drawn by the revision's id."""
    return 2 if overlap == 1 and share_of("second opinion", revision_id) < share else overlap


def outcome(decisions: Sequence[str], needed: int) -> Outcome:
    """Return what the current reviews of one submission decide, one for each reviewer."""
    if "escalate" in decisions:
        return Outcome.ADJUDICATE
    accepting = sum(decision in ACCEPTING for decision in decisions)
    refusing = sum(decision in REFUSING for decision in decisions)
    if accepting >= needed and accepting > refusing:
        return Outcome.ACCEPTED
    if refusing >= needed and refusing > accepting:
        return Outcome.REFUSED
    return Outcome.ADJUDICATE if accepting + refusing > needed else Outcome.WAITS
