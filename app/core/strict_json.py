"""JSON that means one thing to every reader: duplicate keys, NaN, huge numbers, deep nesting, half characters refused.

What passes here can be stored, compared and sent on by every engine and every parser. Knows nothing of files or HTTP.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

from app.core.errors import Invalid

MAX_DEPTH = 32
LIMIT = 2**63
DIGITS = 25
MAX_NUMBER = 400
SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
HALF = re.compile("[\x00\ud800-\udfff]")
SPACES = re.compile(r"[ \t\n\r]*")


def loads(text: str | bytes) -> Any:
    """The value of a JSON text. Raises Invalid with what is wrong and where."""
    decoded = decode(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    start = _skip(decoded, 0)
    value, end = _value_at(decoded, start)
    if (rest := _skip(decoded, end)) != len(decoded):
        raise Invalid(f"There is text after the JSON value at character {rest + 1}; send one value.")
    return value


def decode(data: bytes) -> str:
    """UTF-8 without a byte order mark. Raises Invalid."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"This is not UTF-8 (byte {error.start + 1}); save it as UTF-8 and send it again.") from error


def elements(text: str) -> Iterator[tuple[int, Any]]:
    """(number from 1, value) of each element of a JSON array, one at a time. Raises Invalid naming the row."""
    at, number = _skip(text, _skip(text, 0) + 1), 1
    if text[at : at + 1] == "]":
        return _end(text, at + 1)
    while True:
        try:
            value, at = _value_at(text, at)
        except Invalid as error:
            raise Invalid(f"Row {number}: {error.detail}") from error
        yield number, value
        at = _skip(text, at)
        if text[at : at + 1] == "]":
            return _end(text, at + 1)
        if text[at : at + 1] != ",":
            raise Invalid(f"Invalid JSON: after row {number} there is neither a comma nor the end of the array.")
        at, number = _skip(text, at + 1), number + 1


def _end(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise Invalid("There is text after the end of the array; send one array.")


def _skip(text: str, at: int) -> int:
    match = SPACES.match(text, at)
    return match.end() if match else at


def _value_at(text: str, start: int) -> tuple[Any, int]:
    try:
        value, end = DECODER.raw_decode(text, start)
    except RecursionError as error:
        raise _too_deep() from error
    except json.JSONDecodeError as error:
        raise Invalid(f"Invalid JSON: {error.msg} (character {error.pos - start + 1}).") from error
    may_be_deep = text.count("[", start, end) + text.count("{", start, end) > MAX_DEPTH
    if may_be_deep or (text.find("\\u", start, end) >= 0 and SUSPECT.search(text, start, end)):
        _check_levels(value)
    return value, end


def _too_deep() -> Invalid:
    return Invalid(f"The JSON is nested more than {MAX_DEPTH} deep; flatten it.")


def _check_levels(value: Any) -> None:
    """Refuse deep nesting and half characters, level by level: no recursion, since the value is hostile."""
    depth, level = 0, [value]
    while level:
        if any(isinstance(item, str) and HALF.search(item) for item in level):
            raise Invalid("A text holds a character that is not text (NUL or half a surrogate pair); delete it.")
        level = [item for item in level if isinstance(item, dict | list)]
        depth += bool(level)
        if depth > MAX_DEPTH:
            raise _too_deep()
        level = [child for item in level for child in (chain(item, item.values()) if isinstance(item, dict) else item)]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Invalid(f"The key {twice[:80]!r} appears twice in one object; keep one.")
    return data


def _integer(digits: str) -> int:
    if len(digits) > DIGITS or not -LIMIT <= (number := int(digits)) < LIMIT:
        raise Invalid("A whole number is beyond 64 bits; write it as a string.")
    return number


def _float(digits: str) -> float:
    number = float(digits) if len(digits) <= MAX_NUMBER else math.inf
    if math.isinf(number):
        raise Invalid("A number is too large; write it as a string.")
    return number


def _constant(name: str) -> Any:
    raise Invalid(f"{name} is not valid JSON; write null or a string.")


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant, strict=True
)
