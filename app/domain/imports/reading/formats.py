"""A record of the field's formats -> the content of a pair. Which format it is, its keys say. Pure."""

from __future__ import annotations

import json
from typing import Any

from app.core.errors import Invalid
from app.domain.imports.reading import platforms
from app.domain.pairs import content as pair_content
from app.domain.pairs.content import Content

NOT_TAGS = {
    "id", "prompt", "completion", "messages", "conversations", "instruction", "input", "output", "fields", "responses",
    "suggestions", "data", "annotations", "context", "tags", "source", "licence", "meta",
}  # fmt: skip
FLAT_TAGS = 20
SPEAKERS = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
MARKS = {
    "openai": "messages",
    "sharegpt": "conversations",
    "alpaca": "instruction",
    "argilla": "fields",
    "labelstudio": "data",
}


def content(record: dict[str, Any], form: str, *, source: str, licence: str) -> Content:
    """Raises Invalid that says what the row lacks."""
    shape = shape_in(record, form)
    return pair_content.parse(
        {
            "messages": turns_of(record, shape),
            "context": record.get("context") or [],
            "tags": tags(record, shape),
            "source": record.get("source") or source,
            "licence": record.get("licence") or licence,
        }
    )


def shape_in(record: dict[str, Any], form: str) -> str:
    """The named format, or the one that the row's keys say."""
    mark = MARKS.get(form)
    if mark and mark not in record:
        raise Invalid(f"the row has no {mark!r}, which {form} rows have; choose another format or auto.")
    return form if mark else shape_of(record)


def shape_of(record: dict[str, Any]) -> str:
    """Raises Invalid where the keys are none that we know."""
    for form in ("openai", "sharegpt"):
        if MARKS[form] in record:
            return form
    if "prompt" in record and "completion" in record:
        return "jsonl"
    for form in ("alpaca", "argilla", "labelstudio"):
        if MARKS[form] in record:
            return form
    raise Invalid(
        "the row has neither prompt and completion, nor messages, conversations, instruction, fields or data; "
        "say which of its columns are what (map)."
    )


def turns_of(record: dict[str, Any], shape: str) -> Any:
    """The messages of a row of that format."""
    if shape == "openai":
        return _decoded(record["messages"])
    if shape == "sharegpt":
        return _turns(_decoded(record["conversations"]))
    if shape == "alpaca":
        parts = [part for part in (record["instruction"], record.get("input")) if part]
        if not all(isinstance(part, str) for part in parts):
            raise Invalid("instruction and input are texts.", field="messages")
        return two("\n\n".join(parts), record.get("output"))
    if shape == "argilla":
        return platforms.argilla(record)
    if shape == "labelstudio":
        return platforms.labelstudio(record)
    return two(record["prompt"], record["completion"])


def _decoded(value: Any) -> Any:
    """A table keeps a list of messages as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise Invalid("the messages are a text that is no JSON.", field="messages") from error


def spoken(value: Any) -> list[dict[str, Any]]:
    """Turns with role and content, from those, from ShareGPT's from and value, or from JSON text of either."""
    turns = _decoded(value)
    if isinstance(turns, list) and turns and all(isinstance(turn, dict) and "from" in turn for turn in turns):
        return _turns(turns)
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise Invalid("the messages are a list of objects with role and content.", field="messages")
    return turns


def _turns(turns: Any) -> list[dict[str, Any]]:
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise Invalid("conversations is a list of objects with from and value.", field="messages")
    return [{"role": SPEAKERS.get(str(turn.get("from")), "?"), "content": turn.get("value")} for turn in turns]


def two(prompt: Any, completion: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]


def tags(record: dict[str, Any], shape: str) -> dict[str, Any]:
    """The row's `tags`, and its other short scalar fields, `meta` or `metadata` included."""
    flat: dict[str, Any] = {}
    if shape in ("jsonl", "openai"):
        flat = {**_object(record.get("meta")), **{k: v for k, v in record.items() if k not in NOT_TAGS}}
    elif shape in ("argilla", "labelstudio"):
        flat = {**_object(record.get("metadata")), **platforms.marks(record, shape)}
    short = {key: value for key, value in flat.items() if key and _is_tag(value) and len(str(key)) <= 60}
    return {**dict(list(short.items())[:FLAT_TAGS]), **named(record.get("tags"))}


def named(given: Any) -> dict[str, Any]:
    """An object, or the list of {name, value} that our Parquet files hold."""
    if isinstance(given, list) and all(isinstance(tag, dict) and set(tag) == {"name", "value"} for tag in given):
        return {tag["name"]: tag["value"] for tag in given}
    return _object(given)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_tag(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and 0 < len(str(value)) <= 120
