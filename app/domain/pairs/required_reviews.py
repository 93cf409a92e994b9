"""How many independent reviews a submission needs, how many more to request, and what they decide. Pure.

The side with the needed number of reviews wins. If the needed reviews are split, one more is requested; if that decides
nothing either, or a reviewer escalated, a person adjudicates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import StrEnum

ACCEPTING = ("accept", "fix_and_accept")
REFUSING = ("return", "reject")


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


def more(decisions: Sequence[str], needed: int) -> int:
    """Return how many more reviews to request: the missing ones, or one if the needed ones are split."""
    if outcome(decisions, needed) is not Outcome.WAITS:
        return 0
    return max(needed - len(decisions), 1)
