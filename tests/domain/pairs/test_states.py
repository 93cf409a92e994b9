"""The state of a pair follows from its reviews."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from app.domain.pairs.states import ACCEPTING, REFUSING, Outcome, State, derive, needed_for, outcome

DECISIONS = st.sampled_from(["accept", "fix_and_accept", "return", "reject", "escalate"])
REVIEWS = st.lists(DECISIONS, max_size=8)
NEEDED = st.integers(1, 5)


def of(decisions: list[str], needed: int, adjudication: str | None = None) -> State:
    return derive(
        discarded=False, submitted=True, leased=False, decisions=decisions, needed=needed, adjudication=adjudication
    )


@pytest.mark.parametrize(
    ("decisions", "overlap", "leased", "state"),
    [
        ([], 1, False, "submitted"),
        ([], 1, True, "in_review"),
        (["accept"], 1, False, "approved"),
        (["accept"], 2, False, "in_review"),
        (["accept", "fix_and_accept"], 2, False, "approved"),
        (["return"], 1, False, "changes_requested"),
        (["reject"], 1, False, "rejected"),
        (["return"], 2, False, "in_review"),
        (["accept", "return"], 2, False, "in_review"),
        (["accept", "return", "accept"], 2, False, "approved"),
        (["accept", "return", "reject"], 2, False, "rejected"),
        (["return", "reject"], 2, False, "rejected"),
        (["accept", "accept", "return", "return"], 3, False, "in_review"),
        (["escalate"], 1, False, "in_review"),
        (["escalate", "accept"], 1, False, "in_review"),
    ],
)
def test_states(decisions: list[str], overlap: int, leased: bool, state: str) -> None:
    assert derive(discarded=False, submitted=True, leased=leased, decisions=decisions, needed=overlap) == state


def test_draft_and_discarded_states() -> None:
    assert derive(discarded=False, submitted=False, leased=False, decisions=[], needed=1) == "draft"
    assert derive(discarded=True, submitted=True, leased=True, decisions=["accept"], needed=1) == "discarded"


@given(REVIEWS, NEEDED)
def test_approval_needs_enough_acceptances(decisions: list[str], needed: int) -> None:
    if of(decisions, needed) is State.APPROVED:
        assert sum(decision in ACCEPTING for decision in decisions) >= needed


@given(REVIEWS, NEEDED)
def test_refusal_needs_enough_refusals(decisions: list[str], needed: int) -> None:
    if of(decisions, needed) in (State.REJECTED, State.CHANGES_REQUESTED):
        assert sum(decision in REFUSING for decision in decisions) >= needed


@given(REVIEWS, NEEDED)
def test_escalation_waits_for_adjudication(decisions: list[str], needed: int) -> None:
    assert of([*decisions, "escalate"], needed) is State.IN_REVIEW


@given(REVIEWS, NEEDED, st.sampled_from(["accept", "fix_and_accept", "return", "reject"]))
def test_adjudication_decides(decisions: list[str], needed: int, adjudication: str) -> None:
    expected = {"return": State.CHANGES_REQUESTED, "reject": State.REJECTED}.get(adjudication, State.APPROVED)
    assert of(decisions, needed, adjudication) is expected


@given(st.data(), NEEDED)
def test_one_extra_review_at_most(data: st.DataObject, needed: int) -> None:
    given_: list[str] = []
    while outcome(given_, needed) is Outcome.WAITS:
        given_.append(data.draw(DECISIONS))
    assert len(given_) <= needed + 1


@given(DECISIONS)
def test_single_review_decides(decision: str) -> None:
    expected = {"return": State.CHANGES_REQUESTED, "reject": State.REJECTED, "escalate": State.IN_REVIEW}
    assert of([decision], 1) is expected.get(decision, State.APPROVED)


def test_second_review_sample_is_stable() -> None:
    drawn = [needed_for(f"revision-{number}", 1, 0.2) for number in range(4000)]
    assert drawn == [needed_for(f"revision-{number}", 1, 0.2) for number in range(4000)]
    assert 0.17 < sum(one == 2 for one in drawn) / 4000 < 0.23
    assert needed_for("a revision", 3, 1.0) == 3
    assert {needed_for(f"{number}", 1, 0.0) for number in range(50)} == {1}
