"""How many tokens a text has under a tokenizer file. Reads that one file; knows no model."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.domain.checks.problem import Problem

MAX_CHARACTERS = 200_000


def tokens(text: str, tokenizer: str | Path) -> int:
    """The number of tokens of the first 200,000 characters. `tokenizer` is the path of a tokenizer.json."""
    path = Path(tokenizer)
    return len(_loaded(str(path), path.stat().st_mtime_ns).encode(text[:MAX_CHARACTERS], add_special_tokens=False).ids)


@lru_cache(maxsize=4)
def _loaded(path: str, changed: int) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(path)


def check_tokens(prompt: str, completion: str, tokenizer: str | Path, context: int) -> Iterator[Problem]:
    """A warning where prompt and answer together are longer than the model reads."""
    asked, said = tokens(prompt, tokenizer), tokens(completion, tokenizer)
    if asked + said > context:
        field = "prompt" if asked > said else "completion"
        yield Problem(
            "too_many_tokens",
            "warn",
            f"The pair has {asked + said} tokens and the model reads {context}; the rest is cut off. Shorten the"
            f" {field}.",
            field,
        )
