"""Check many pairs, with the same results as on the page where pairs are written. Pure: runs in any process.

The checks that need only the pair itself run in batches; the problems that need its neighbors are added later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from app.domain.checks.problem import Neighbor
from app.domain.checks.run_checks import check_pair, in_order
from app.domain.checks.similarity.duplicates import check_duplicates
from app.domain.checks.similarity.minhash import Grams, keys_of, shingles

BATCH = 500
"""Pairs that are checked, and looked up, together."""
Problems = list[dict[str, Any]]
Options = dict[str, Any]
"""A project's settings of the checks, as arguments of `check_pair`."""


class Text(NamedTuple):
    """The checked parts of a pair: `sources` are the names of its documents, `code_language` its tag."""

    prompt: str
    completion: str
    sources: Sequence[str]
    code_language: str


class CheckedText(NamedTuple):
    """The grams of the prompt, the keys in the near-duplicate index, and the text's own problems."""

    grams: Grams
    keys: list[int]
    problems: Problems


def check_batch(options: Options, texts: Sequence[Text]) -> list[CheckedText]:
    """Check each text without its neighbors."""
    return [_checked(options, text) for text in texts]


def _checked(options: Options, text: Text) -> CheckedText:
    grams = shingles(text.prompt)
    problems = check_pair(**text._asdict(), **options)
    return CheckedText(grams, keys_of(text.prompt, text.completion, grams), [problem.as_dict() for problem in problems])


def add_neighbor_problems(
    options: Options, completion: str, own_problems: Problems, neighbors: Sequence[Neighbor]
) -> Problems:
    """Return the problems of a pair together with those that its neighbors cause, blocking problems first."""
    if not neighbors:
        return own_problems
    duplicates = in_order([*check_duplicates(completion, neighbors, options["task"])], options["settings"])
    problems = [*own_problems, *(problem.as_dict() for problem in duplicates)]
    return sorted(problems, key=lambda problem: bool(problem["severity"] != "block"))
