"""Which column of a file is what in a pair: data that a person, a script or a command gives, and what it makes. Pure.

A mapping is {target: [columns]}. A column is a key of the row, or the way into a nested object with a point between.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.core import strict_json
from app.core.errors import Invalid
from app.domain.imports.reading import formats, platforms
from app.domain.pairs import content as pair_content
from app.domain.pairs.content import Content

TARGETS = ("prompt", "completion", "system", "messages", "context", "tags", "source", "licence")
ONE_COLUMN = ("messages", "source", "licence")
ONE_TAG = "tag:"
MAX_COLUMN = 200
Names = dict[str, list[str]]


def parse(given: Any) -> Names:
    """{target: column or columns}, checked. Raises Invalid that names what is wrong."""
    if not isinstance(given, Mapping):
        raise Invalid('The map is an object, such as {"prompt": "question", "completion": "answer"}.', field="map")
    names: Names = {}
    for target, columns in given.items():
        listed = [columns] if isinstance(columns, str) else columns
        if target not in TARGETS and not (str(target).startswith(ONE_TAG) and len(target) > len(ONE_TAG)):
            known = ", ".join(TARGETS)
            raise Invalid(f"{str(target)[:80]!r} is nothing to map to: {known}, or tag:NAME for one tag.", field="map")
        if not isinstance(listed, list) or not all(
            isinstance(one, str) and 0 < len(one) <= MAX_COLUMN for one in listed
        ):
            raise Invalid(f"{target} is the name of a column, or a list of names.", field="map")
        if len(listed) > 1 and (target in ONE_COLUMN or target.startswith(ONE_TAG)):
            raise Invalid(f"{target} takes one column.", field="map")
        names[target] = list(dict.fromkeys(listed))
    return _whole(names)


def _whole(names: Names) -> Names:
    """Nothing chosen is no mapping; a prompt needs its completion, unless a column holds all messages."""
    if bool(names.get("prompt")) != bool(names.get("completion")) and not names.get("messages"):
        raise Invalid("Say which columns are the prompt and the completion, both.", field="map")
    if names.get("messages") and (names.get("prompt") or names.get("completion")):
        raise Invalid("A column of messages holds prompt and completion; choose either it or those.", field="map")
    return names if any(names.values()) else {}


def from_text(text: str) -> Names:
    """From JSON text; no text is no mapping."""
    return parse(strict_json.loads(text.encode())) if text.strip() else {}


def as_text(names: Names) -> str:
    """What `from_text` reads; empty for no mapping."""
    return json.dumps(names, ensure_ascii=False) if names else ""


def columns_of(names: Names) -> list[str]:
    """Each column that is named, once."""
    return list(dict.fromkeys(column for columns in names.values() for column in columns))


def guess(columns: Sequence[str]) -> Names:
    """What the usual names say, for a person to look at; empty where they say nothing."""
    leaf = {column.rsplit(".", 1)[-1].strip().casefold(): column for column in reversed(columns)}
    prompt = next((leaf[name] for name in platforms.PROMPTS if name in leaf), "")
    answer = next((leaf[name] for name in platforms.ANSWERS if name in leaf and leaf[name] != prompt), "")
    if not prompt or not answer:
        return {}
    more = {"system": "system", "context": "context", "source": "source", "licence": "licence", "license": "licence"}
    return {"prompt": [prompt], "completion": [answer]} | {
        target: [leaf[name]] for name, target in more.items() if name in leaf
    }


def content(record: dict[str, Any], names: Names, form: str, *, source: str, licence: str) -> Content:
    """What is not mapped is found as without a mapping. Raises Invalid that says what the row lacks."""
    given = dict(record)
    if "context" in names:
        given["context"] = [one for column in names["context"] for one in _documents(record, column)]
    for target in ("source", "licence"):
        if target in names:
            given[target] = _first(record, names[target])
    is_chosen = bool(names.get("messages") or names.get("prompt"))
    shape = "jsonl" if is_chosen else formats.shape_in(record, form)
    return pair_content.parse(
        {
            "messages": [
                *_system(record, names),
                *(_messages(record, names) if is_chosen else formats.turns_of(record, shape)),
            ],
            "context": given.get("context") or [],
            "tags": _tags(record, names, shape),
            "source": given.get("source") or source,
            "licence": given.get("licence") or licence,
        }
    )


def value(record: dict[str, Any], column: str) -> Any:
    """What stands in a column; None where the row has no such column."""
    if column in record:
        return record[column]
    inside: Any = record
    for key in column.split("."):
        inside = inside.get(key) if isinstance(inside, dict) else None
    return inside


def _system(record: dict[str, Any], names: Names) -> list[dict[str, str]]:
    return [{"role": "system", "content": text} for text in _texts(record, names.get("system", ()))]


def _messages(record: dict[str, Any], names: Names) -> list[Any]:
    if names.get("messages"):
        return formats.spoken(value(record, names["messages"][0]))
    both = {target: "\n\n".join(_texts(record, names[target])) for target in ("prompt", "completion")}
    for target, text in both.items():
        if not text:
            raise Invalid(f"the row has nothing under {' or '.join(map(repr, names[target]))}.", field=target)
    return formats.two(both["prompt"], both["completion"])


def _texts(record: dict[str, Any], columns: Sequence[str]) -> list[str]:
    return [text for column in columns if (text := _text(value(record, column)))]


def _text(given: Any) -> str:
    """A text as it is; a number in figures; a list or an object as JSON."""
    if given is None:
        return ""
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


def _first(record: dict[str, Any], columns: Sequence[str] | None) -> str:
    return next(iter(_texts(record, columns or ())), "")


def _documents(record: dict[str, Any], column: str) -> list[Any]:
    given = value(record, column)
    listed = given if isinstance(given, list) else [given]
    return [
        one if isinstance(one, dict) and "text" in one else {"text": _text(one), "title": column}
        for one in listed
        if one not in (None, "", {}, [])
    ]


def _tags(record: dict[str, Any], names: Names, shape: str) -> dict[str, Any]:
    """The chosen columns; where none were chosen, the short fields that are nothing else, as without a mapping."""
    if "tags" in names:
        tags = {key: one for column in names["tags"] for key, one in _named(record, column).items()}
    else:
        used = {column.split(".", 1)[0] for column in columns_of(names)}
        tags = formats.tags({key: one for key, one in record.items() if key not in used or key == "tags"}, shape)
    chosen = {
        target.removeprefix(ONE_TAG): _text(value(record, columns[0]))
        for target, columns in names.items()
        if target.startswith(ONE_TAG) and columns
    }
    return tags | {name: text for name, text in chosen.items() if text}


def _named(record: dict[str, Any], column: str) -> dict[str, Any]:
    given = value(record, column)
    if isinstance(given, dict | list):
        return formats.named(given)
    return {column.rsplit(".", 1)[-1]: _text(given)} if _text(given) else {}
