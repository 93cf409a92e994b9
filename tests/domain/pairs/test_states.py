"""The state of a pair follows from what happened to it."""

from __future__ import annotations

import pytest

from app.domain.pairs.states import derive


@pytest.mark.parametrize(
    ("decisions", "overlap", "leased", "state"),
    [
        ([], 1, False, "submitted"),
        ([], 1, True, "in_review"),
        (["accept"], 1, False, "approved"),
        (["accept"], 2, False, "in_review"),
        (["accept", "fix_and_accept"], 2, False, "approved"),
        (["accept", "return"], 2, False, "changes_requested"),
        (["return", "reject"], 2, False, "rejected"),
        (["escalate"], 1, False, "in_review"),
        (["escalate", "accept"], 1, False, "approved"),
    ],
)
def test_states(decisions: list[str], overlap: int, leased: bool, state: str) -> None:
    assert derive(discarded=False, submitted=True, leased=leased, decisions=decisions, overlap=overlap) == state


def test_a_draft_and_a_discarded_pair() -> None:
    assert derive(discarded=False, submitted=False, leased=False, decisions=[], overlap=1) == "draft"
    assert derive(discarded=True, submitted=True, leased=True, decisions=["accept"], overlap=1) == "discarded"
