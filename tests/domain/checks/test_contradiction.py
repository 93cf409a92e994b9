"""The contradiction radar: when an answer to the same question is another one, and in which words it says so."""

from __future__ import annotations

import pytest

from app.domain.checks.problem import Neighbor
from app.domain.checks.run_checks import check_pair
from app.domain.checks.similarity.duplicates import check_duplicates, difference
from app.web.pairs_problems import explained

DIFFERENT = [
    ("classification", "vaccination", "billing", "“billing” instead of “vaccination”"),
    ("regression", "12", "12.5", "“12.5” instead of “12”"),
    ("generation", "42", "43", "“43” instead of “42”"),
    ("generation", "6 * 7 = 42\n#### 42", "Six sevens are 43.\n#### 43", "the result 43 instead of 42"),
    ("generation", "The limit is 500 euros a day.", "The limit is 700 euros a day.", "the number 700 instead of 500"),
    ("generation", "Yes, you can do that in the app.", "No, you can do that in the app.", "“No” instead of “Yes”"),
    ("generation", "The shop opens daily.", "The shop closes daily.", "another answer"),
    ("generation", "Freeze the card under Settings, then order a replacement by post.",
     "Ring the branch and speak to a member of staff about the missing statement.", "few words"),
    ("code", "SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 2", "another answer"),
]  # fmt: skip
SAME = [
    ("classification", "Vaccination", "vaccination.", ""),
    ("regression", "1,200", "1200.0", ""),
    ("generation", "6 * 7 = 42\n#### 42", "We add 21 and 21.\n#### 42", ""),
    ("generation", "It takes 3 days.", "It takes 3 days, and up to 5 abroad.", ""),
    ("generation", "Freeze the card under Settings, then order a replacement by post.",
     "Under Settings, freeze your card first; a replacement may then be ordered by post.", ""),
    ("code", "SELECT a  FROM t", "select a from t", ""),
]  # fmt: skip


@pytest.mark.parametrize(("task", "own", "other", "words"), DIFFERENT)
def test_another_label_number_or_answer_differs_and_is_named(task: str, own: str, other: str, words: str) -> None:
    assert words in difference(own, other, task)
    assert difference(own, other, task)
    assert difference(other, own, task)


def test_a_denial_differs() -> None:
    one, other = "The card can be used abroad for free.", "The card can not be used abroad for free."
    assert "opposite" in difference(one, other)
    assert "opposite" in difference(other, one)


@pytest.mark.parametrize(("task", "own", "other", "words"), SAME)
def test_the_same_answer_in_another_form_does_not(task: str, own: str, other: str, words: str) -> None:
    assert difference(own, other, task) == words
    assert difference(other, own, task) == words


@pytest.mark.parametrize("by", ["wording", "meaning"])
def test_both_kinds_of_neighbour_are_on_the_radar(by: str) -> None:
    near = Neighbor("p", "r", 0.9, "Where is the form?", "billing", "approved", by)  # type: ignore[arg-type]
    found = check_pair("Where is that form?", "vaccination", languages=["en"], task="classification", neighbours=[near])
    (problem,) = [one for one in found if one.code == "contradiction"]
    assert problem.neighbours == (near,)
    assert ("same meaning" in problem.message) == (by == "meaning")
    assert "“billing” instead of “vaccination”" in problem.message


def test_a_reworded_answer_is_a_near_copy_and_no_contradiction() -> None:
    near = Neighbor("p", "r", 1.0, "How?", SAME[4][2], "approved")
    assert [one.code for one in check_duplicates(SAME[4][1], [near])] == ["near_duplicate"]


def test_both_answers_are_shown_word_by_word() -> None:
    near = Neighbor("p", "r", 0.9, "Where is the form?", "The limit is 700 euros.", "approved")
    (problem,) = check_duplicates("The limit is 500 euros.", [near])
    turns = [
        {"role": "user", "content": "Where is that form?"},
        {"role": "assistant", "content": "The limit is 500 euros."},
    ]
    (shown,) = explained([problem.as_dict()], turns)
    assert ("removed", "700") in shown["neighbours"][0]["completion_diff"]
    assert ("added", "500") in shown["neighbours"][0]["completion_diff"]
