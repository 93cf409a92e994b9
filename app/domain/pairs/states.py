"""The life of a pair, derived from what happened to it; never typed by hand. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


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
QUEUED = (State.SUBMITTED, State.IN_REVIEW)
ACCEPTING = ("accept", "fix_and_accept")


def derive(*, discarded: bool, submitted: bool, leased: bool, decisions: Sequence[str], overlap: int) -> State:
    """The state of a pair whose submitted revision has these standing decisions, one a reviewer, oldest first.

    A single reject or return decides; an escalation holds the pair in review; `overlap` acceptances approve it.
    """
    if discarded:
        return State.DISCARDED
    if not submitted:
        return State.DRAFT
    if "reject" in decisions:
        return State.REJECTED
    if "return" in decisions:
        return State.CHANGES_REQUESTED
    accepted = sum(decision in ACCEPTING for decision in decisions)
    if accepted >= overlap and "escalate" not in decisions[-1:]:
        return State.APPROVED
    return State.IN_REVIEW if leased or decisions else State.SUBMITTED
