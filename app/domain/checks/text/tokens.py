"""How many tokens a text has under a tokenizer file. Reads that one file; knows no model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from app.domain.checks.problem import Problem

MAX_CHARACTERS = 200_000
CACHED_WORDS = 1_000
"""How many words a tokenizer remembers for each thread. It would keep 10,000, some 3 MiB a thread, and is no faster."""


class Counter(NamedTuple):
    """A tokenizer; `is_bytewise` where every token stands for one byte of UTF-8 or more."""

    tokenizer: Any
    is_bytewise: bool


def tokens(text: str, tokenizer: str | Path) -> int:
    """The number of tokens of the first 200,000 characters. `tokenizer` is the path of a tokenizer.json."""
    return _count(_counter(tokenizer), text)


def _count(counter: Counter, text: str) -> int:
    """The faster call: it does not compute offsets."""
    encoded = counter.tokenizer.encode_batch_fast([text[:MAX_CHARACTERS]], add_special_tokens=False)
    return len(encoded[0])


def _counter(tokenizer: str | Path) -> Counter:
    path = tokenizer if isinstance(tokenizer, Path) else Path(tokenizer)
    return _loaded(str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _loaded(path: str, changed: int) -> Counter:
    from tokenizers import Tokenizer

    loaded = Tokenizer.from_file(path)
    if hasattr(loaded.model, "_resize_cache"):
        loaded.model._resize_cache(CACHED_WORDS)
    says = json.loads(loaded.to_str())
    before = says["pre_tokenizer"] or {}
    steps = [before, *before.get("pretokenizers", ())]
    plain = not any(step.get("add_prefix_space") for step in steps)
    is_bytewise = plain and says["normalizer"] is None and any(step.get("type") == "ByteLevel" for step in steps)
    return Counter(loaded, is_bytewise)


def check_tokens(prompt: str, completion: str, tokenizer: str | Path, context: int) -> Iterator[Problem]:
    """A warning where prompt and answer together are longer than the model reads."""
    counter = _counter(tokenizer)
    if counter.is_bytewise and _bytes(prompt) + _bytes(completion) <= context:
        return
    prompt_tokens, completion_tokens = _count(counter, prompt), _count(counter, completion)
    if prompt_tokens + completion_tokens > context:
        field = "prompt" if prompt_tokens > completion_tokens else "completion"
        words = (
            f"The pair has {prompt_tokens + completion_tokens} tokens and the model reads {context}; the rest is cut"
        )
        yield Problem("too_many_tokens", f"{words} off. Shorten the {field}.", field)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
