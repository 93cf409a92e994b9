"""Run all checks, in the order in which an author should read them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from app.domain.checks.code.check import check_code, guess, knows
from app.domain.checks.guideline_rules import Rule, check_rules
from app.domain.checks.language import check_language
from app.domain.checks.pii.check import check_pii
from app.domain.checks.problem import Neighbor, Problem
from app.domain.checks.registry import apply
from app.domain.checks.relevance import check_relevance
from app.domain.checks.similarity.duplicates import check_duplicates
from app.domain.checks.text.arithmetic import check_arithmetic
from app.domain.checks.text.basic import check_readability, check_text, check_vocabulary
from app.domain.checks.text.completeness import check_completeness
from app.domain.checks.text.invisible import check_invisible
from app.domain.checks.text.tokens import check_tokens

PROSE = frozenset({"generation", "translation"})


def check_pair(
    prompt: str,
    completion: str,
    *,
    languages: Sequence[str],
    neighbours: Sequence[Neighbor] = (),
    far_from: Sequence[Neighbor] = (),
    task: str = "generation",
    rules: Sequence[Rule] = (),
    sources: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    code_language: str = "",
    tokenizer: str | Path | None = None,
    context_length: int = 0,
) -> list[Problem]:
    """Return every problem of one pair, blocking ones first.

    `settings` are the project's severities by code, `rules` those of its guideline, `sources` the names of the context
    documents that a rule may require. `far_from` are the nearest approved pairs if all of them are far. Tokens are
    counted if `tokenizer` and `context_length` are given.
    """
    problems = [*_problems(prompt, completion, languages, task, code_language)]
    problems += check_rules(rules, prompt, completion, sources)
    if tokenizer and context_length:
        problems += check_tokens(prompt, completion, tokenizer, context_length)
    if (settings or {}).get("hard_to_read", "off") != "off":
        problems += check_readability(completion)
    problems += check_duplicates(completion, neighbours, task)
    problems += check_relevance(far_from)
    return in_order(problems, settings)


def in_order(problems: Iterable[Problem], settings: Mapping[str, str] | None) -> list[Problem]:
    """Apply the project's severities and sort blocking problems first."""
    return sorted(apply(problems, settings or {}), key=lambda problem: problem.severity != "block")


def _problems(prompt: str, completion: str, languages: Sequence[str], task: str, code: str) -> Iterator[Problem]:
    yield from check_text(prompt, completion, task)
    yield from check_language(prompt, languages)
    if task in PROSE:
        yield from check_language(completion, languages, "completion")
    for field, text in (("prompt", prompt), ("completion", completion)):
        whole = _whole(text, task, code) if field == "completion" else ""
        yield from check_invisible(field, text)
        yield from check_pii(field, text, languages)
        yield from check_code(field, text, whole)
    yield from check_completeness(prompt, completion, task)
    yield from check_arithmetic(prompt, completion, task)
    yield from check_vocabulary(prompt)


def _whole(text: str, task: str, code: str) -> str:
    """Return the language of a completion that is code as a whole, or an empty string."""
    if task == "code":
        return code.strip() if knows(code) else guess(text)
    return "json" if task == "extraction" and guess(text) == "json" else ""
