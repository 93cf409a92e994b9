"""How many independent opinions a submission needs, how many more to ask for, and what they come to. Pure.

The side that has as many opinions as were needed wins. Where the needed ones are split, one more is asked for; where
that settles nothing either, or where somebody escalated, a person adjudicates.
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
    """A number in [0, 1) that is always the same for the same key: SHA-256, its first 64 bits."""
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def needed_for(revision_id: str, overlap: int, share: float) -> int:
    """`overlap` for every submission; where that is one, two for a `share` of them, drawn by the revision's id."""
    return 2 if overlap == 1 and share_of("second opinion", revision_id) < share else overlap


def outcome(decisions: Sequence[str], needed: int) -> Outcome:
    """What the standing opinions on one submission come to, one a reviewer."""
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
    """How many more opinions to ask for: those that lack, or one more where the needed ones are split."""
    if outcome(decisions, needed) is not Outcome.WAITS:
        return 0
    return max(needed - len(decisions), 1)
