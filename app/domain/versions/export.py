"""A version as files in the formats of the field; the same bytes each time. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from app.core.errors import Invalid
from app.domain.imports.reading.formats import FLAT_TAGS, NOT_TAGS
from app.domain.versions import tabular


def example_line(identity: str, messages: list[dict[str, Any]], tags: dict[str, str]) -> bytes:
    """One line of a split file, as the trainer reads it (`trainer.protocol.Example`)."""
    return line({"id": identity, "messages": messages, "tags": tags})


def line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _jsonl(example: dict[str, Any]) -> dict[str, Any]:
    """{prompt, completion, …tags}; what this would lose, more turns or a tag of a reserved name, is written beside."""
    turns, tags = example["messages"], example["tags"]
    prompt = "\n\n".join(message["content"] for message in turns[:-1])
    record: dict[str, Any] = {"prompt": prompt, "completion": turns[-1]["content"]}
    if [turn["role"] for turn in turns] != ["user", "assistant"]:
        record["messages"] = turns
    if len(tags) > FLAT_TAGS or NOT_TAGS & set(tags):
        return {**record, "tags": tags}
    return {**tags, **record}


def _openai(example: dict[str, Any]) -> dict[str, Any]:
    return {"messages": example["messages"]}


def _sharegpt(example: dict[str, Any]) -> dict[str, Any]:
    names = {"user": "human", "assistant": "gpt", "system": "system"}
    return {"conversations": [{"from": names[m["role"]], "value": m["content"]} for m in example["messages"]]}


def _alpaca(example: dict[str, Any]) -> dict[str, Any]:
    record = _jsonl(example)
    return {"instruction": record["prompt"], "input": "", "output": record["completion"]}


def _trl(example: dict[str, Any]) -> dict[str, Any]:
    return {"prompt": example["messages"][:-1], "completion": example["messages"][-1:]}


WRITERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "jsonl": _jsonl,
    "openai": _openai,
    "sharegpt": _sharegpt,
    "alpaca": _alpaca,
    "trl": _trl,
}


TABLES: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {"csv": tabular.csv_file, "parquet": tabular.parquet_file}
FORMATS = (*WRITERS, *TABLES)
MEDIA = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


def convert(split_file: bytes, form: str) -> bytes:
    """A split file in another format. Raises Invalid for an unknown one."""
    if form not in FORMATS:
        raise Invalid(f"The format is one of {', '.join(FORMATS)}.", field="format")
    examples = (json.loads(row) for row in split_file.split(b"\n") if row)
    if form in TABLES:
        return TABLES[form](list(examples))
    return b"".join(line(WRITERS[form](example)) for example in examples)


def media_type(form: str) -> str:
    return MEDIA.get(form, "application/jsonl")


def file_name(stem: str, form: str) -> str:
    """train.jsonl, train.csv: the ending that the format's programs know."""
    return f"{stem}.{form if form in TABLES else 'jsonl'}"
