"""Rules of a guideline as data: what they find, and what cannot be written."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from app.core.errors import Invalid
from app.domain.checks.guideline_rules import TESTS, check_rules, parse_rules

ANSWER = "# Answer\n\nYou may object within two weeks. I would write today."


def marked(rule: dict[str, Any], completion: str = ANSWER, sources: tuple[str, ...] = ()) -> list[str | None]:
    """The words that each breach marks, None for the whole."""
    found = check_rules(parse_rules([rule]), "May I object?", completion, sources)
    return [completion[slice(*problem.span)] if problem.span else None for problem in found]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"kind": "must_contain", "value": "consult a lawyer"}, [None]),
        ({"kind": "must_contain", "value": ["consult a lawyer", "two  weeks"]}, []),
        ({"kind": "must_contain", "value": "You", "case": True}, []),
        ({"kind": "must_contain", "value": "you", "case": True}, [None]),
        ({"kind": "must_not_contain", "value": "object"}, ["object"]),
        ({"kind": "must_not_contain", "value": "week"}, []),
        ({"kind": "must_not_contain", "value": "(a+)+$"}, []),
        ({"kind": "must_start_with", "value": "# answer"}, []),
        ({"kind": "must_start_with", "value": "Dear"}, [ANSWER[:20]]),
        ({"kind": "must_end_with", "value": "today."}, []),
        ({"kind": "must_end_with", "value": "Regards"}, [ANSWER[-20:]]),
        ({"kind": "max_words", "value": 10}, ["write today."]),
        ({"kind": "min_words", "value": 50}, [None]),
        ({"kind": "max_sentences", "value": 5}, []),
        ({"kind": "must_have_heading"}, []),
        ({"kind": "must_have_heading", "value": ["Answer", "Sources"]}, [None]),
        ({"kind": "must_be_one_of", "value": ["yes", "no"]}, [None]),
        ({"kind": "bullet_list", "value": 2}, [None]),
        ({"kind": "no_first_person"}, ["I"]),
    ],
)
def test_each_kind(rule: dict[str, Any], expected: list[str | None]) -> None:
    assert marked(rule) == expected


def test_a_label_fits_whatever_its_case() -> None:
    assert marked({"kind": "must_be_one_of", "value": ["Yes", "No"]}, " yes\n") == []


def test_a_source_is_asked_for_only_where_there_is_one() -> None:
    assert marked({"kind": "must_cite_source"}) == []
    assert marked({"kind": "must_cite_source"}, ANSWER, ("BGB § 312g",)) == [None]
    assert marked({"kind": "must_cite_source"}, "See BGB § 312g.", ("BGB § 312g",)) == []


def test_the_rules_own_words_and_severity_are_used() -> None:
    rule = {"kind": "max_words", "value": 3, "field": "prompt", "message": "Ask in three words.", "severity": "block"}
    [problem] = check_rules(parse_rules([rule]), "one two three four", ANSWER)
    assert (problem.code, problem.kind, problem.field) == ("guideline", "max_words", "prompt")
    assert (problem.severity, problem.message) == ("block", "Ask in three words.")


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("no list", "list"),
        ([{"kind": "max_words", "value": 3}, {"kind": "matches", "value": "x"}], "Rule 2"),
        ([{"kind": "max_words", "value": "three"}], r"Rule 1 \(max_words\)"),
        ([{"kind": "max_words", "value": 0}], "from 1"),
        ([{"kind": "must_contain"}], "phrase"),
        ([{"kind": "must_contain", "value": ["a", ""]}], "phrase"),
        ([{"kind": "must_contain", "value": "a", "regex": True}], "unknown regex"),
        ([{"kind": "must_contain", "value": "a", "field": "answer"}], "field"),
        ([{"kind": "must_contain", "value": "a", "severity": "off"}], "severity"),
        ([{"kind": "bullet_list", "value": True}], "phrase"),
        ([7], "Rule 1"),
        ([{"kind": "bullet_list"}] * 101, "100"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_its_number(rules: Any, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse_rules(rules)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda one: st.lists(one, max_size=3)
)
RULE = st.fixed_dictionaries({"kind": st.sampled_from([*TESTS])}, optional={"value": JSON, "case": st.booleans()})


@settings(max_examples=200, deadline=None)
@given(st.lists(RULE, max_size=4), st.text(max_size=80), st.text(max_size=80))
def test_any_rule_is_refused_or_runs_and_marks_inside(
    rules: list[dict[str, Any]], prompt: str, completion: str
) -> None:
    try:
        parsed = parse_rules(rules)
    except Invalid:
        return
    for problem in check_rules(parsed, prompt, completion, ["a"]):
        assert problem.span is None or 0 <= problem.span[0] <= problem.span[1] <= len(completion)


def test_a_phrase_that_would_be_a_slow_pattern_is_quick() -> None:
    rules = parse_rules([{"kind": "must_not_contain", "value": ["(a+)+$", "a a a a a b", "a" * 200]}])
    began = time.process_time()
    list(check_rules(rules, "", "a " * 16_000 + "a" * 32_000))
    assert time.process_time() - began < 5
