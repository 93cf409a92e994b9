"""Export a version in the usual formats; the same version gives the same bytes. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from app.core.errors import Invalid
from app.domain.imports.reading.formats import FLAT_TAGS, RESERVED_FIELDS
from app.domain.versions import tabular


def example_line(identity: str, messages: list[dict[str, Any]], tags: dict[str, str]) -> bytes:
    """Return one line of a split file, which the trainer reads as `trainer.protocol.Example`."""
    return line({"id": identity, "messages": messages, "tags": tags})


def line(record: dict[str, Any]) -> bytes:
    """Return a record as one line of canonical JSON."""
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _jsonl(example: dict[str, Any]) -> dict[str, Any]:
    """Return {prompt, completion, …tags}; more turns and tags with reserved names get their own fields."""
    turns, tags = example["messages"], example["tags"]
    prompt = "\n\n".join(message["content"] for message in turns[:-1])
    record: dict[str, Any] = {"prompt": prompt, "completion": turns[-1]["content"]}
    if [turn["role"] for turn in turns] != ["user", "assistant"]:
        record["messages"] = turns
    if len(tags) > FLAT_TAGS or RESERVED_FIELDS & set(tags):
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


def convert(split_file: bytes, format: str) -> bytes:
    """Convert a split file to another format. Raises Invalid for an unknown format."""
    if format not in FORMATS:
        raise Invalid(f"The format must be one of {', '.join(FORMATS)}.", field="format")
    examples = (json.loads(row) for row in split_file.split(b"\n") if row)
    if format in TABLES:
        return TABLES[format](list(examples))
    return b"".join(line(WRITERS[format](example)) for example in examples)


def media_type(format: str) -> str:
    """Return the media type of a format's files."""
    return MEDIA.get(format, "application/jsonl")


def file_name(stem: str, format: str) -> str:
    """Return the file name with the format's extension: train.jsonl, train.csv."""
    return f"{stem}.{format if format in TABLES else 'jsonl'}"
