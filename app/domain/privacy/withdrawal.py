"""Withdrawn content: the empty values that replace it, and how quotes of it are cut out of other texts. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.core.idempotency import IdempotentAnswer
from app.core.storage import Storage

EMPTY_MESSAGES = [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}]
EMPTY_REVISION: dict[str, Any] = {
    "messages": EMPTY_MESSAGES,
    "context": [],
    "tags": {},
    "problems": [],
    "prompt": "",
    "completion": "",
    "source": "",
    "waivers": [],
}
IDS = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32})\b")
MAX_CITATION = 157
"""Characters that a round's brief cites of an answer."""


@dataclass
class WithdrawalResult:
    """The content withdrawn at the time `at`, what the withdrawal changed, and files that are no longer needed."""

    at: datetime
    revisions: set[str] = field(default_factory=set)
    pairs: set[str] = field(default_factory=set)
    versions: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    answers: int = 0


def without_quotes(problems: list[dict[str, Any]], result: WithdrawalResult) -> list[dict[str, Any]]:
    """Return a revision's problems without the withdrawn near-duplicates that they quote."""
    return [{**problem, "neighbours": _remaining(problem["neighbours"], result)} for problem in problems]


def _remaining(near: list[dict[str, Any]], result: WithdrawalResult) -> list[dict[str, Any]]:
    return [item for item in near if item["pair"] not in result.pairs and item["revision"] not in result.revisions]


def names_withdrawn(answer: IdempotentAnswer, result: WithdrawalResult) -> bool:
    """Whether a stored answer contains the id of a withdrawn pair or revision."""
    return any(id_ in result.pairs or id_ in result.revisions for id_ in IDS.findall(json.dumps(answer.body)))


def slices_in(storage: Storage, files: dict[str, Any]) -> set[tuple[str, str]]:
    """Return each (tag, value) of the examples in a version's files."""
    return {
        (tag, value)
        for file in files.values()
        for line in storage.bytes_of(file["sha256"]).splitlines()
        for tag, value in json.loads(line)["tags"].items()
    }


def without_lines(text: str, citations: Iterable[str]) -> str:
    """Return the text without the lines that cite a withdrawn text. Citations are shortened, with single spaces."""
    starts = [" ".join(citation.split()).replace("`", "'")[:MAX_CITATION] for citation in citations if citation.strip()]
    return "\n".join(line for line in text.split("\n") if not any(start in line for start in starts))


def without_names(text: str, names: Iterable[str]) -> str:
    """Return the text with each name replaced by [name], whatever its case."""
    for name in filter(None, names):
        text = re.sub(re.escape(name), "[name]", text, flags=re.IGNORECASE)
    return text
