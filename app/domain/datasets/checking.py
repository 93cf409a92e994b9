"""The checks of many pairs in a row, as the writing desk would make them of each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.checks.catalogue import check_pair
from app.domain.checks.lint import Rule
from app.domain.checks.problem import Neighbour

Problems = list[dict[str, Any]]


@dataclass(frozen=True)
class Given:
    """What a project asks of every pair."""

    languages: tuple[str, ...]
    task: str
    rules: tuple[Rule, ...]
    severities: dict[str, str]
    tokenizer: Path | None
    context_length: int


@dataclass(frozen=True)
class Text:
    """What the checks look at: `sources` are the names of its documents, `code` the language it says it is in."""

    prompt: str
    completion: str
    sources: tuple[str, ...]
    code: str
    neighbours: tuple[Neighbour, ...]


def of_rows(given: Given, texts: Sequence[Text]) -> Iterator[Problems]:
    """The problems of each, in order."""
    for text in texts:
        found = check_pair(
            text.prompt,
            text.completion,
            languages=given.languages,
            neighbours=text.neighbours,
            task=given.task,
            rules=given.rules,
            sources=text.sources,
            settings=given.severities,
            code_language=text.code,
            tokenizer=given.tokenizer,
            context_length=given.context_length,
        )
        yield [problem.as_dict() for problem in found]
