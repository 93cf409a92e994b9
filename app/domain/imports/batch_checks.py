"""The checks of many pairs in a row, as the writing desk would make them of each. Pure, so that any process can do it.

What a pair is alone is worked out piece by piece; what its neighbours make of it is added once they are known.
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
from app.domain.checks.run_checks import check_alone, in_order
from app.domain.checks.similarity.duplicates import check_duplicates
from app.domain.checks.similarity.minhash import Grams, keys_of, shingles

PIECE = 500
"""Pairs that are checked, and looked up, together."""
Problems = list[dict[str, Any]]
Said = dict[str, Any]


@dataclass(frozen=True)
class CheckConfig:
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


@dataclass
class Checked:
    """Of each text of a piece: the grams of its prompt, the keys that it is found by, and its own problems."""

    grams: list[Grams] = field(default_factory=list)
    keys: list[list[int]] = field(default_factory=list)
    problems: list[Problems] = field(default_factory=list)

    def add(self, said: Said) -> None:
        """What `of_piece` says."""
        self.grams += [np.frombuffer(b64decode(one), np.uint64) for one in said["grams"]]
        self.keys += said["keys"]
        self.problems += said["problems"]


def piece(asked: CheckConfig, texts: Sequence[Text]) -> Said:
    """What `of_piece` is given: as JSON can hold it, since another process may do it."""
    tokenizer = str(asked.tokenizer) if asked.tokenizer else None
    return {"asked": asdict(asked) | {"tokenizer": tokenizer}, "texts": [(*vars(text).values(),) for text in texts]}


def of_piece(given: Said) -> Said:
    """Everything that is known of texts without their neighbours."""
    asked = _given(given["asked"])
    said: Said = {"grams": [], "keys": [], "problems": []}
    for prompt, completion, sources, code in given["texts"]:
        grams = shingles(prompt)
        said["grams"].append(b64encode(grams.tobytes()).decode())
        said["keys"].append(keys_of(prompt, completion, grams))
        said["problems"].append(_alone(asked, Text(prompt, completion, tuple(sources), code)))
    return said


def _given(asked: Said) -> CheckConfig:
    rules = tuple(Rule(**{**rule, "phrases": tuple(rule["phrases"])}) for rule in asked["rules"])
    tokenizer = Path(asked["tokenizer"]) if asked["tokenizer"] else None
    languages = tuple(asked["languages"])
    return CheckConfig(**{**asked, "rules": rules, "tokenizer": tokenizer, "languages": languages})


def _alone(asked: CheckConfig, text: Text) -> Problems:
    found = check_alone(
        text.prompt,
        text.completion,
        languages=asked.languages,
        task=asked.task,
        rules=asked.rules,
        sources=text.sources,
        settings=asked.severities,
        code_language=text.code,
        tokenizer=asked.tokenizer,
        context_length=asked.context_length,
    )
    return [problem.as_dict() for problem in in_order(found, asked.severities)]


def add_neighbor_problems(
    asked: CheckConfig, completion: str, alone: Problems, neighbours: Sequence[Neighbor]
) -> Problems:
    """The problems of a pair with those that its neighbours make, in the order of the writing desk."""
    if not neighbours:
        return alone
    found = in_order([*check_duplicates(completion, neighbours, asked.task)], asked.severities)
    both = [*alone, *(problem.as_dict() for problem in found)]
    return sorted(both, key=lambda problem: bool(problem["severity"] != "block"))
