"""Convert a record of the usual formats to the content of a pair. Its keys tell the format. Pure."""

from __future__ import annotations

import json
from typing import Any

from app.core.errors import Invalid
from app.domain.imports.reading import platforms
from app.domain.pairs import content as pair_content
from app.domain.pairs.content import Content

RESERVED_FIELDS = {
    "id", "prompt", "completion", "messages", "conversations", "instruction", "input", "output", "fields", "responses",
    "suggestions", "data", "annotations", "context", "tags", "source", "license", "licence", "meta",
}  # fmt: skip
FLAT_TAGS = 20
SHAREGPT_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
KEY_FIELDS = {
    "openai": ["messages"],
    "sharegpt": ["conversations"],
    "jsonl": ["prompt", "completion"],
    "alpaca": ["instruction"],
    "argilla": ["fields"],
    "labelstudio": ["data"],
}
"""The keys that tell a row's format: the first format whose keys the row has."""


def to_content(record: dict[str, Any], format: str, *, source: str, license: str) -> Content:
    """Convert a record. Raises Invalid that says what the row lacks."""
    shape = shape_in(record, format)
    return pair_content.parse(
        {
            "messages": turns_of(record, shape),
            "context": record.get("context") or [],
            "tags": tags(record, shape),
            "source": record.get("source") or source,
            "licence": record.get("license") or record.get("licence") or license,
        }
    )


def shape_in(record: dict[str, Any], format: str) -> str:
    """Return the given format if its rows have a key of their own, else the one that the row's keys tell."""
    if format in KEY_FIELDS and format != "jsonl":
        [key] = KEY_FIELDS[format]
        if key not in record:
            raise Invalid(f"the row has no {key!r}, which {format} rows have; choose another format or auto.")
        return format
    for shape, keys in KEY_FIELDS.items():
        if all(key in record for key in keys):
            return shape
    raise Invalid(
        "the row has neither prompt and completion, nor messages, conversations, instruction, fields or data; "
        "map its columns (map)."
    )


def turns_of(record: dict[str, Any], shape: str) -> Any:
    """Return the messages of a row of that format. Raises Invalid."""
    if shape == "openai":
        return _decoded(record["messages"])
    if shape == "sharegpt":
        return _sharegpt_turns(_decoded(record["conversations"]))
    if shape == "alpaca":
        parts = [part for part in (record["instruction"], record.get("input")) if part]
        if not all(isinstance(part, str) for part in parts):
            raise Invalid("instruction and input must be texts.", field="messages")
        return prompt_and_answer("\n\n".join(parts), record.get("output"))
    if shape == "argilla":
        return platforms.argilla_messages(record)
    if shape == "labelstudio":
        return platforms.labelstudio_messages(record)
    return prompt_and_answer(record["prompt"], record["completion"])


def _decoded(value: Any) -> Any:
    """Decode JSON text, in which tables store a list of messages; return other values unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise Invalid("the messages are not valid JSON.", field="messages") from error


def parse_turns(value: Any) -> list[dict[str, Any]]:
    """Return turns with role and content, from such turns, from ShareGPT turns, or from JSON text of either."""
    turns = _decoded(value)
    if isinstance(turns, list) and turns and all(isinstance(turn, dict) and "from" in turn for turn in turns):
        return _sharegpt_turns(turns)
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise Invalid("the messages must be a list of objects with role and content.", field="messages")
    return turns


def _sharegpt_turns(turns: Any) -> list[dict[str, Any]]:
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise Invalid("conversations must be a list of objects with from and value.", field="messages")
    return [{"role": SHAREGPT_ROLES.get(str(turn.get("from")), "?"), "content": turn.get("value")} for turn in turns]


def prompt_and_answer(prompt: Any, completion: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]


def tags(record: dict[str, Any], shape: str) -> dict[str, Any]:
    """Return the row's `tags` and its other short scalar fields, including those of `meta` or `metadata`."""
    flat: dict[str, Any] = {}
    if shape in ("jsonl", "openai"):
        flat = {**_object(record.get("meta")), **{k: v for k, v in record.items() if k not in RESERVED_FIELDS}}
    elif shape in ("argilla", "labelstudio"):
        flat = {**_object(record.get("metadata")), **platforms.annotation_tags(record, shape)}
    short = {key: value for key, value in flat.items() if key and _is_tag(value) and len(str(key)) <= 60}
    return {**dict(list(short.items())[:FLAT_TAGS]), **parse_tags(record.get("tags"))}


def parse_tags(value: Any) -> dict[str, Any]:
    """Return tags from an object, or from a list of {name, value} as our Parquet files hold it."""
    if isinstance(value, list) and all(isinstance(tag, dict) and set(tag) == {"name", "value"} for tag in value):
        return {tag["name"]: tag["value"] for tag in value}
    return _object(value)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_tag(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and 0 < len(str(value)) <= 120
