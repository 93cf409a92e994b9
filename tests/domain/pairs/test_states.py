"""The state of a pair follows from what happened to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.pairs.required_reviews import ACCEPTING, REFUSING, Outcome, more, needed_for, outcome
from app.domain.pairs.states import State, derive

DECISIONS = st.sampled_from(["accept", "fix_and_accept", "return", "reject", "escalate"])
OPINIONS = st.lists(DECISIONS, max_size=8)
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


def test_a_draft_and_a_discarded_pair() -> None:
    assert derive(discarded=False, submitted=False, leased=False, decisions=[], needed=1) == "draft"
    assert derive(discarded=True, submitted=True, leased=True, decisions=["accept"], needed=1) == "discarded"


@given(OPINIONS, NEEDED)
def test_nothing_is_approved_with_fewer_acceptances_than_needed(decisions: list[str], needed: int) -> None:
    if of(decisions, needed) is State.APPROVED:
        assert sum(one in ACCEPTING for one in decisions) >= needed


@given(OPINIONS, NEEDED)
def test_nothing_is_refused_with_fewer_refusals_than_needed(decisions: list[str], needed: int) -> None:
    if of(decisions, needed) in (State.REJECTED, State.CHANGES_REQUESTED):
        assert sum(one in REFUSING for one in decisions) >= needed


@given(OPINIONS, NEEDED)
def test_an_escalation_is_never_decided_by_opinions(decisions: list[str], needed: int) -> None:
    assert of([*decisions, "escalate"], needed) is State.IN_REVIEW
    assert more([*decisions, "escalate"], needed) == 0


@given(OPINIONS, NEEDED, st.sampled_from(["accept", "fix_and_accept", "return", "reject"]))
def test_a_ruling_decides_whatever_the_opinions_are(decisions: list[str], needed: int, ruling: str) -> None:
    expected = {"return": State.CHANGES_REQUESTED, "reject": State.REJECTED}.get(ruling, State.APPROVED)
    assert of(decisions, needed, ruling) is expected


@given(OPINIONS, NEEDED)
def test_more_are_asked_for_exactly_while_the_outcome_waits(decisions: list[str], needed: int) -> None:
    assert (more(decisions, needed) > 0) == (outcome(decisions, needed) is Outcome.WAITS)


@given(st.data(), NEEDED)
def test_asking_ends_after_one_opinion_more_than_needed(data: st.DataObject, needed: int) -> None:
    given_: list[str] = []
    while more(given_, needed):
        given_.append(data.draw(DECISIONS))
    assert len(given_) <= needed + 1
    assert outcome(given_, needed) is not Outcome.WAITS


@given(DECISIONS)
def test_a_single_opinion_decides_alone(decision: str) -> None:
    expected = {"return": State.CHANGES_REQUESTED, "reject": State.REJECTED, "escalate": State.IN_REVIEW}
    assert of([decision], 1) is expected.get(decision, State.APPROVED)


def test_the_sample_for_a_second_opinion_is_stable_and_of_its_size() -> None:
    drawn = [needed_for(f"revision-{number}", 1, 0.2) for number in range(4000)]
    assert drawn == [needed_for(f"revision-{number}", 1, 0.2) for number in range(4000)]
    assert 0.17 < sum(one == 2 for one in drawn) / 4000 < 0.23
    assert needed_for("a revision", 3, 1.0) == 3
    assert {needed_for(f"{number}", 1, 0.0) for number in range(50)} == {1}
