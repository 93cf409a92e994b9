"""What an answer lacks: its end, its number, its own words, a right sum."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from app.core.errors import Invalid
from app.domain.checks import registry
from app.domain.checks.registry import CODES, parse_settings
from app.domain.checks.run_checks import check_pair
from app.domain.checks.text.basic import reading_ease
from app.domain.checks.text.tokens import tokens

ASK = "Please explain which documents a tenant may ask the landlord for."
LONG = "A tenant may ask for the energy certificate. "
TOKENIZER = Path(__file__).resolve().parents[3] / "trainer/starter/weights/tokenizer.json"


def codes(prompt: str, completion: str, task: str = "generation", **rest: object) -> set[str]:
    return {problem.code for problem in check_pair(prompt, completion, languages=["en"], task=task, **rest)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prompt", "completion", "code"),
    [
        (ASK, LONG + "The landlord must hand it over before the contract and", "unfinished"),
        (ASK, LONG + "The landlord must hand it over before the tenant signs", "unfinished"),
        (ASK, LONG + "It is valid for ten years (counted from issue.", "unclosed_bracket"),
        (ASK, LONG + "\n```python\nx = 1", "unclosed_fence"),
        (ASK, ASK + " They may ask for the energy certificate.", "partial_echo"),
        (ASK, LONG * 4, "repetition"),
        (ASK, "It is very very very very very long.", "repetition"),
        (ASK, "As an AI language model, I have no opinion on that.", "boilerplate"),
        (ASK, "I'm sorry, but I cannot help with that request.", "refusal"),
        (ASK, "Certainly! A tenant may ask for the energy certificate.", "filler"),
        (ASK, LONG + "I hope this helps!", "filler"),
        ("How many days does a tenant have to object?", "That is in the civil code.", "no_number"),
        ("What percentage of tenants object?", "Rather a small share, say the courts.", "no_number"),
        (ASK, "The deposit is 12*3=35 in all.", "arithmetic"),
        (ASK, "He owes 2 + 3 * 4 = 20 euros.", "arithmetic"),
        ("go " * 40, LONG, "few_words"),
        (
            ASK,
            "Der Mieter darf den Energieausweis verlangen, bevor er den Vertrag unterschreibt, sonst droht Bußgeld.",
            "language",
        ),
    ],
)
def test_each_is_found(prompt: str, completion: str, code: str) -> None:
    assert code in codes(prompt, completion)


@pytest.mark.parametrize(
    ("prompt", "completion", "task"),
    [
        (ASK, "tenancy_law", "classification"),
        (ASK, "energy certificate, floor plan and", "classification"),
        (ASK, "- energy certificate\n- floor plan", "generation"),
        (ASK, "A tenant may ask for:\n\n1. The energy certificate\n2. The floor plan", "generation"),
        (ASK, LONG + "See https://www.gesetze-im-internet.de/geg/", "generation"),
        (ASK, LONG + "```sql\nSELECT 1\n```", "generation"),
        (ASK, "a) the certificate\nb) the plan :)", "generation"),
        ("How many days does a tenant have to object?", "Fourteen? No: about two months.", "generation"),
        ("How many orders are open?", "SELECT COUNT(*) FROM orders", "code"),
        (ASK, "12 * 3 = 36, 10/3 = 3.33, 1 1/2 * 60 = 90, 600 x 30 = 18 000, 1,000 + 500 = 1,500", "generation"),
        (ASK, "x + 3 * 2 = 9 and (2 + 3) * 4 = 20 and 50% * 8 = 4", "generation"),
        (ASK, "Fill {{ name }} in  # TODO", "code"),
    ],
)
def test_what_is_in_order_is_left(prompt: str, completion: str, task: str) -> None:
    assert codes(prompt, completion, task) == set()


def test_a_wrong_sum_carries_the_right_one() -> None:
    text = "The deposit is 12*3=35 in all."
    [problem] = check_pair(ASK, text, languages=["en"])
    assert problem.fix and problem.fix.replacement == "36"
    assert problem.span and text[slice(*problem.span)] == "35"


def test_tokens_are_counted_where_a_tokenizer_is_given() -> None:
    assert tokens("a tenant may ask", TOKENIZER) > 2
    assert "too_many_tokens" in codes(ASK, LONG, tokenizer=TOKENIZER, context_length=8)
    both = tokens(ASK, TOKENIZER) + tokens(LONG, TOKENIZER)
    assert "too_many_tokens" in codes(ASK, LONG, tokenizer=TOKENIZER, context_length=both - 1)
    assert "too_many_tokens" not in codes(ASK, LONG, tokenizer=TOKENIZER, context_length=both)
    assert codes(ASK, LONG, tokenizer=TOKENIZER, context_length=4096) == set()


@pytest.mark.parametrize("text", [ASK, "ü\u4e2d\U0001f600 \u0301\ufdfa", "1234567890 \t\n  \x7f", " x", ""])
def test_a_bytewise_tokenizer_has_no_more_tokens_than_bytes(text: str) -> None:
    """What lets a short pair be passed without counting."""
    assert tokens(text, TOKENIZER) <= len(text.encode())


def test_a_project_sets_severities_but_not_what_is_fixed() -> None:
    pii, empty = ("Write to ann.lee@mailbox.org please", "Done, it is sent."), (ASK, " ")
    assert codes(*pii, settings={"pii": "off"}) == set()
    assert codes(*pii, settings={"pii.email": "off"}) == set()
    assert codes(*pii, settings={"pii.phone": "off"}) == {"pii"}
    [problem] = check_pair(*pii, languages=["en"], settings={"pii": "off", "pii.email": "block"})
    assert problem.severity == "block"
    assert "empty" in codes(*empty, settings={"empty": "off"})


@pytest.mark.parametrize(
    "given_", [{"nonsense": "off"}, {"empty": "off"}, {"pii": "loud"}, {"pii.shoe": "off"}, ["pii"]]
)
def test_settings_that_cannot_be_are_refused_by_name(given_: object) -> None:
    with pytest.raises(Invalid):
        parse_settings(given_)
    assert parse_settings({"pii.person": "off", "echo": "warn"}) == {"pii.person": "off", "echo": "warn"}


def test_every_code_of_the_sources_is_in_the_catalogue() -> None:
    folder = Path(registry.__file__).parent
    found = {code for path in folder.rglob("*.py") for code in re.findall(r'Problem\(\s*"(\w+)"', path.read_text())}
    assert len(found) > 20 and found <= set(CODES)


def test_reading_ease_is_asked_for() -> None:
    words = "Notwithstanding contractual stipulations, jurisdictional considerations necessitate deliberation. "
    hard = words * 20
    assert "hard_to_read" not in codes(ASK, hard)
    assert "hard_to_read" in codes(ASK, hard, settings={"hard_to_read": "warn"})
    assert reading_ease("The cat sat on the mat. " * 20) > reading_ease(hard)  # type: ignore[operator]


TASKS = ["generation", "classification", "extraction", "translation", "regression", "code"]
BITS = [
    "How many ",
    "1",
    "2+2=5 ",
    "(",
    ")",
    "```",
    "\n",
    ". ",
    "As an AI ",
    "word ",
    "é",
    "😀",
    "```sql\n",
    " and",
    "{",
    "\u202e",
    "\x00",
    "I hope this helps",
]
TEXTS = st.one_of(st.text(max_size=120), st.lists(st.sampled_from(BITS), max_size=30).map("".join))


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS, st.sampled_from(TASKS))
def test_no_pair_breaks_the_checks_and_every_span_lies_inside(prompt: str, completion: str, task: str) -> None:
    texts = {"prompt": prompt, "completion": completion}
    for problem in check_pair(prompt, completion, languages=["en", "de"], task=task, settings={"hard_to_read": "warn"}):
        assert problem.code in CODES
        for span in (problem.span, problem.fix.span if problem.fix else None):
            assert span is None or 0 <= span[0] <= span[1] <= len(texts[problem.field])
