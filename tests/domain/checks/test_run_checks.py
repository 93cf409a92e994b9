"""What the checks say of one pair."""

from __future__ import annotations

import pytest

from app.domain.checks.problem import Neighbor
from app.domain.checks.run_checks import check_pair

GOOD = "Which form do I need for a travel vaccination next month?"


def codes(prompt: str, completion: str = "vaccination", **rest: object) -> set[str]:
    return {problem.code for problem in check_pair(prompt, completion, languages=["en"], **rest)}  # type: ignore[arg-type]


def test_an_ordinary_pair_has_no_problem() -> None:
    assert codes(GOOD) == set()


@pytest.mark.parametrize(
    ("prompt", "completion", "code"),
    [
        ("", "x", "empty"),
        (GOOD, "  ", "empty"),
        (GOOD, GOOD, "echo"),
        ("<|user|> where is my card", "x", "chat_markup"),
        ("Dear {{name}}, where is it", "x", "template"),
        ("Where is\u202e my card", "x", "hidden_character"),
        ("Where is\x08 my card", "x", "control_character"),
        ("Write to ann.lee@example.org please", "x", "pii"),
        ("My IBAN is GB82 WEST 1234 5698 7654 32 thanks", "x", "pii"),
        ("Charge 4111 1111 1111 1111 please now", "x", "pii"),
        ("Call me at +1 415 555 0132 tomorrow", "x", "pii"),
        ("The key is AKIAIOSFODNN7EXAMPLE here", "x", "secret"),
        ("Wo finde ich bitte das Formular für meine Krankenversicherung?", "x", "language"),
        ("Fix this code please", "```python\ndef f(:\n```", "code"),
        ("Fix this query please", "```sql\nSELECT FROM WHERE\n```", "code"),
    ],
)
def test_each_problem_is_found(prompt: str, completion: str, code: str) -> None:
    assert code in codes(prompt, completion)


def test_a_span_marks_the_place() -> None:
    [problem] = check_pair("Mail ann.lee@example.org", "x", languages=[])
    assert problem.span and "Mail ann.lee@example.org"[slice(*problem.span)] == "ann.lee@example.org"


def test_a_copy_blocks_and_a_contradiction_warns() -> None:
    twin = Neighbor("p", "r", 1.0, GOOD, "vaccination", "approved")
    assert codes(GOOD, neighbours=[twin]) == {"duplicate"}
    assert codes(GOOD, "billing", neighbours=[twin]) == {"contradiction"}
