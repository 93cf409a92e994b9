"""All checks, in the order in which a person should read them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.domain.checks.code import check_code
from app.domain.checks.duplicates import check_duplicates
from app.domain.checks.language import check_language
from app.domain.checks.privacy import check_privacy
from app.domain.checks.problem import Neighbour, Problem
from app.domain.checks.text import check_text


def check_pair(
    prompt: str, completion: str, *, languages: Sequence[str], neighbours: Sequence[Neighbour] = ()
) -> list[Problem]:
    """Every problem of one pair, blocking ones first."""
    return sorted(_problems(prompt, completion, languages, neighbours), key=lambda problem: problem.severity != "block")


def _problems(
    prompt: str, completion: str, languages: Sequence[str], neighbours: Sequence[Neighbour]
) -> Iterator[Problem]:
    yield from check_text(prompt, completion)
    yield from check_language(prompt, languages)
    for field, text in (("prompt", prompt), ("completion", completion)):
        yield from check_privacy(field, text)
        yield from check_code(field, text)
    yield from check_duplicates(completion, neighbours)
