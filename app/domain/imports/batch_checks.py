"""Check many pairs, with the same results as on the page where pairs are written. Pure: runs in any process.

The checks that need only the pair itself run in batches; the problems that need its neighbors are added later.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app.domain.checks.guideline_rules import Rule
from app.domain.checks.problem import Neighbor
from app.domain.checks.run_checks import check_pair, in_order
from app.domain.checks.similarity.duplicates import check_duplicates
from app.domain.checks.similarity.minhash import Grams, keys_of, shingles

BATCH = 500
"""Pairs that are checked, and looked up, together."""
Problems = list[dict[str, Any]]
Payload = dict[str, Any]


@dataclass(frozen=True)
class CheckConfig:
    """A project's settings of the checks."""

    languages: tuple[str, ...]
    task: str
    rules: tuple[Rule, ...]
    severities: dict[str, str]
    tokenizer: Path | None
    context_length: int


@dataclass(frozen=True)
class Text:
    """The checked parts of a pair: `sources` are the names of its documents, `code` its language code."""

    prompt: str
    completion: str
    sources: tuple[str, ...]
    code: str


@dataclass
class CheckedTexts:
    """For each text: the grams of its prompt, its keys in the near-duplicate index, and its own problems."""

    grams: list[Grams] = field(default_factory=list)
    keys: list[list[int]] = field(default_factory=list)
    problems: list[Problems] = field(default_factory=list)

    def add(self, result: Payload) -> None:
        """Append a result of `check_batch`."""
        self.grams += [np.frombuffer(b64decode(grams), np.uint64) for grams in result["grams"]]
        self.keys += result["keys"]
        self.problems += result["problems"]


def batch_payload(config: CheckConfig, texts: Sequence[Text]) -> Payload:
    """Return the input of `check_batch` as JSON values, since another process may run it."""
    tokenizer = str(config.tokenizer) if config.tokenizer else None
    return {"config": asdict(config) | {"tokenizer": tokenizer}, "texts": [(*vars(text).values(),) for text in texts]}


def check_batch(payload: Payload) -> Payload:
    """Return grams, keys and problems of each text, without its neighbors."""
    config = _parse_config(payload["config"])
    result: Payload = {"grams": [], "keys": [], "problems": []}
    for prompt, completion, sources, code in payload["texts"]:
        grams = shingles(prompt)
        result["grams"].append(b64encode(grams.tobytes()).decode())
        result["keys"].append(keys_of(prompt, completion, grams))
        result["problems"].append(_own_problems(config, Text(prompt, completion, tuple(sources), code)))
    return result


def _parse_config(values: Payload) -> CheckConfig:
    rules = tuple(Rule(**{**rule, "phrases": tuple(rule["phrases"])}) for rule in values["rules"])
    tokenizer = Path(values["tokenizer"]) if values["tokenizer"] else None
    languages = tuple(values["languages"])
    return CheckConfig(**{**values, "rules": rules, "tokenizer": tokenizer, "languages": languages})


def _own_problems(config: CheckConfig, text: Text) -> Problems:
    problems = check_pair(
        text.prompt,
        text.completion,
        languages=config.languages,
        task=config.task,
        rules=config.rules,
        sources=text.sources,
        settings=config.severities,
        code_language=text.code,
        tokenizer=config.tokenizer,
        context_length=config.context_length,
    )
    return [problem.as_dict() for problem in problems]


def add_neighbor_problems(
    config: CheckConfig, completion: str, own_problems: Problems, neighbors: Sequence[Neighbor]
) -> Problems:
    """Return the problems of a pair together with those that its neighbors cause, blocking problems first."""
    if not neighbors:
        return own_problems
    duplicates = in_order([*check_duplicates(completion, neighbors, config.task)], config.severities)
    problems = [*own_problems, *(problem.as_dict() for problem in duplicates)]
    return sorted(problems, key=lambda problem: bool(problem["severity"] != "block"))
