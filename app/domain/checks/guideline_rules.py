"""Rules of a guideline that an admin writes as data: phrases, lengths and forms, no programming. Pure.

Phrases are plain text, never patterns: no rule can be written that takes long. A rule is
{"kind", "field": "prompt" | "completion", "value", "case": false, "message", "severity": "warn" | "block"}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.errors import Invalid
from app.domain.checks.code.code_blocks import prose
from app.domain.checks.problem import Problem, Severity

MAX_RULES, MAX_PHRASES, MAX_PHRASE, MAX_NUMBER = 100, 200, 200, 100_000
KEYS = {"kind", "field", "value", "case", "message", "severity"}
Span = tuple[int, int]


@dataclass(frozen=True)
class Rule:
    """`phrases` for rules about words, `number` for rules about lengths; a rule of neither takes no value."""

    kind: str
    field: str = "completion"
    phrases: tuple[str, ...] = ()
    number: int = 0
    case: bool = False
    message: str = ""
    severity: Severity = "warn"


# A test yields what is wrong: (message that says how to fix it, span or None).
Test = Callable[[Rule, str, Sequence[str]], Iterator[tuple[str, Span | None]]]


def _places(rule: Rule, text: str, phrase: str) -> Iterator[Span]:
    """Whole words only; any run of spaces matches any other."""
    inner = r"\s+".join(re.escape(word) for word in phrase.split())
    left, right = (r"(?<!\w)" if phrase[0].isalnum() else ""), (r"(?!\w)" if phrase[-1].isalnum() else "")
    flags = 0 if rule.case else re.IGNORECASE
    yield from (match.span() for match in re.finditer(left + inner + right, text, flags))


def _any(rule: Rule, text: str) -> bool:
    return any(next(_places(rule, text, phrase), None) for phrase in rule.phrases)


def _named(phrases: Sequence[str]) -> str:
    return " or ".join(f"“{phrase}”" for phrase in phrases[:5]) + (" …" if len(phrases) > 5 else "")


def _must_contain(rule: Rule, text: str, _: Sequence[str]) -> Iterator[tuple[str, Span | None]]:
    if not _any(rule, text):
        yield f"Say {_named(rule.phrases)}.", None


def _must_not_contain(rule: Rule, text: str, _: Sequence[str]) -> Iterator[tuple[str, Span | None]]:
    for phrase in rule.phrases:
        for span in _places(rule, text, phrase):
            yield f"Do not say “{phrase}”.", span


def _must_start_with(rule: Rule, text: str, _: Sequence[str]) -> Iterator[tuple[str, Span | None]]:
    begin = len(text) - len(text.lstrip())
    if not any(_folded(rule, text[begin:]).startswith(_folded(rule, phrase)) for phrase in rule.phrases):
        yield f"Begin with {_named(rule.phrases)}.", (begin, min(len(text), begin + 20))


def _must_end_with(rule: Rule, text: str, _: Sequence[str]) -> Iterator[tuple[str, Span | None]]:
    clean = text.rstrip()
    if not any(_folded(rule, clean).endswith(_folded(rule, phrase)) for phrase in rule.phrases):
        yield f"End with {_named(rule.phrases)}.", (max(0, len(clean) - 20), len(clean))


def _folded(rule: Rule, text: str) -> str:
    return text if rule.case else text.casefold()


def _max_words(rule: Rule, text: str, _: Sequence[str]) -> Iterator[tuple[str, Span | None]]:
    words = list(re.finditer(r"\S+", text))
    if len(words) > rule.number:
        yield f"{len(words)} words; write at most {rule.number}.", (words[rule.number].start(), len(text))


def _min_words(rule: Rule, text: str, _: Sequence[str]) -> Iterator[tuple[str, Span | None]]:
    if (count := len(text.split())) < rule.number:
        yield f"{count} words; write at least {rule.number}.", None


def _max_sentences(rule: Rule, text: str, _: Sequence[str]) -> Iterator[tuple[str, Span | None]]:
    ends = [match.end() for match in SENTENCE_END.finditer(prose(text))]
    if len(ends) > rule.number:
        yield f"{len(ends)} sentences; write at most {rule.number}.", (ends[rule.number - 1], len(text))


def _must_have_heading(rule: Rule, text: str, _: Sequence[str]) -> Iterator[tuple[str, Span | None]]:
    headings = {_folded(rule, name.strip()) for name in re.findall(r"^#{1,6} ([^\n]{1,200})$", text, re.MULTILINE)}
    if missing := [phrase for phrase in rule.phrases if _folded(rule, phrase) not in headings]:
        yield f"Add the heading {' and '.join(f'“{heading}”' for heading in missing)}.", None
    elif not (rule.phrases or headings):
        yield "Add a heading (# …).", None


def _must_be_in_list(rule: Rule, text: str, _: Sequence[str]) -> Iterator[tuple[str, Span | None]]:
    if _folded(rule, text.strip()) not in {_folded(rule, phrase) for phrase in rule.phrases}:
        yield f"Write one of {_named(rule.phrases)} and nothing else.", None


def _must_cite_source(rule: Rule, text: str, sources: Sequence[str]) -> Iterator[tuple[str, Span | None]]:
    if sources and not any(source.strip() and source.casefold().strip() in text.casefold() for source in sources):
        yield f"Name the source: {_named(sources)}.", None


def _bullet_list(rule: Rule, text: str, _: Sequence[str]) -> Iterator[tuple[str, Span | None]]:
    if len(re.findall(r"^[ \t]{0,8}(?:[-*•+]|\d{1,3}[.)]) ", text, re.MULTILINE)) < max(1, rule.number):
        yield f"Write a list of at least {max(1, rule.number)}, one item per line (- …).", None


def _no_first_person(rule: Rule, text: str, _: Sequence[str]) -> Iterator[tuple[str, Span | None]]:
    for match in FIRST_PERSON.finditer(text):
        yield f"“{match.group()}” is first person; rephrase it.", match.span()


SENTENCE_END = re.compile(r"[.!?。！？][\"”’)]?(?=\s|$)|(?<=[^\s.!?。！？])\n\s*\n")
FIRST_PERSON = re.compile(
    r"(?<![\w'’.-])(?:I(?:'m|'ve|'d|'ll|’m|’ve|’d|’ll)?(?![\w.'’-])|(?:[Mm]e|[Mm]y|[Mm]ine|[Mm]yself|[Ww]e|[Oo]urs?"
    r"|[Oo]urselves)(?![\w-])"
    r"|(?:[Ii]ch|[Mm]ir|[Mm]ich|[Mm]eine?[rmns]?|[Ww]ir|[Jj]e|[Nn]ous|[Yy]o|[Nn]osotros)(?![\w-]))"
)
WORDS, LENGTH, FREE = "words", "length", "free"
TESTS: dict[str, tuple[str, Test]] = {
    "must_contain": (WORDS, _must_contain),
    "must_not_contain": (WORDS, _must_not_contain),
    "must_start_with": (WORDS, _must_start_with),
    "must_end_with": (WORDS, _must_end_with),
    "must_be_one_of": (WORDS, _must_be_in_list),
    "max_words": (LENGTH, _max_words),
    "min_words": (LENGTH, _min_words),
    "max_sentences": (LENGTH, _max_sentences),
    "must_have_heading": (FREE, _must_have_heading),
    "must_cite_source": (FREE, _must_cite_source),
    "bullet_list": (FREE, _bullet_list),
    "no_first_person": (FREE, _no_first_person),
}


def parse_rules(data: Any) -> tuple[Rule, ...]:
    """Rules from decoded JSON. Raise Invalid naming the rule by number and kind, and how to fix it."""
    if not isinstance(data, list) or len(data) > MAX_RULES:
        raise Invalid(f"Give a list of at most {MAX_RULES} rules.", field="rules")
    return tuple(_rule(number, item) for number, item in enumerate(data, 1))


def _rule(number: int, data: Any) -> Rule:
    name = f"Rule {number}"
    if not isinstance(data, Mapping):
        raise Invalid(f"{name}: write it as an object with a kind.", field="rules")
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in TESTS:
        raise Invalid(f"{name}: choose a kind of {', '.join(TESTS)}.", field="rules")
    name += f" ({kind})"
    if unknown := sorted(str(key) for key in set(data) - KEYS):
        raise Invalid(
            f"{name}: unknown {', '.join(unknown)[:80]}; a rule has {', '.join(sorted(KEYS))}.", field="rules"
        )
    phrases, length = _value(name, TESTS[kind][0], data.get("value"))
    case, message = data.get("case", False), data.get("message", "")
    if not isinstance(case, bool) or not isinstance(message, str) or len(message) > 300:
        raise Invalid(f"{name}: case is true or false, message at most 300 characters.", field="rules")
    field = _choice(name, data, "field", ("completion", "prompt"))
    severity: Severity = "block" if _choice(name, data, "severity", ("warn", "block")) == "block" else "warn"
    return Rule(kind, field, phrases, length, case, message.strip(), severity)


def _choice(name: str, data: Mapping[str, Any], key: str, allowed: tuple[str, str]) -> str:
    chosen = data.get(key, allowed[0])
    if chosen not in allowed:
        raise Invalid(f"{name}: {key} is {allowed[0]} or {allowed[1]}.", field="rules")
    return str(chosen)


def _value(name: str, takes: str, value: Any) -> tuple[tuple[str, ...], int]:
    if isinstance(value, int) and not isinstance(value, bool) and takes != WORDS:
        if not 1 <= value <= MAX_NUMBER:
            raise Invalid(f"{name}: give a number from 1 to {MAX_NUMBER}.", field="rules")
        return (), value
    if takes == LENGTH:
        raise Invalid(f"{name}: give a whole number as value.", field="rules")
    phrases = [value] if isinstance(value, str) else [] if value is None and takes == FREE else value
    good = isinstance(phrases, list) and len(phrases) <= MAX_PHRASES
    if not good or not all(
        isinstance(phrase, str) and phrase.strip() and len(phrase) <= MAX_PHRASE for phrase in phrases
    ):
        raise Invalid(
            f"{name}: give a phrase or a list of phrases, each of 1 to {MAX_PHRASE} characters.", field="rules"
        )
    if takes == WORDS and not phrases:
        raise Invalid(f"{name}: give at least one phrase.", field="rules")
    return tuple(phrase.strip() for phrase in phrases), 0


def check_rules(rules: Sequence[Rule], prompt: str, completion: str, sources: Sequence[str] = ()) -> Iterator[Problem]:
    """Every breach, ten at most for each rule. `sources` are the names of the context documents."""
    texts = {"prompt": prompt, "completion": completion}
    for rule in rules:
        breaches = TESTS[rule.kind][1](rule, texts[rule.field], sources)
        for (words, span), _ in zip(breaches, range(10), strict=False):
            message = rule.message or words
            yield Problem("guideline", message, rule.field, span, kind=rule.kind, severity=rule.severity)
