"""A version as files in the formats of the field; the same bytes each time. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from app.core.errors import Invalid


def example_line(identity: str, messages: list[dict[str, Any]], tags: dict[str, str]) -> bytes:
    """One line of a split file, as the trainer reads it (`trainer.protocol.Example`)."""
    return line({"id": identity, "messages": messages, "tags": tags})


def line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _jsonl(example: dict[str, Any]) -> dict[str, Any]:
    tags = {key: value for key, value in example["tags"].items() if key not in ("prompt", "completion")}
    prompt = "\n\n".join(message["content"] for message in example["messages"][:-1])
    return {**tags, "prompt": prompt, "completion": example["messages"][-1]["content"]}


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


def convert(split_file: bytes, form: str) -> bytes:
    """A split file in another format. Raises Invalid for an unknown one."""
    if form not in WRITERS:
        raise Invalid(f"The format is one of {', '.join(WRITERS)}.", field="format")
    return b"".join(line(WRITERS[form](json.loads(row))) for row in split_file.splitlines())
