"""JSON that every reader understands alike: what is refused, what passes as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from app.core import strict_json
from app.core.errors import Invalid

TRAPS = {
    "nan": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "overflow": b'{"a": 1e400}',
    "duplicate key": b'{"role": "user", "role": "admin"}',
    "escaped duplicate": b'{"role": 1, "\\u0072ole": 2}',
    "lone surrogate": b'{"a": "\\ud800"}',
    "reversed surrogates": b'{"a": "\\udc00\\ud800"}',
    "surrogate key": b'{"\\udfff": 1}',
    "nul": b'{"a": "\\u0000"}',
    "raw nul": b'{"a": "\x00"}',
    "raw line feed": b'{"a": "x\ny"}',
    "integer beyond 64 bits": b'{"a": 9223372036854775808}',
    "negative beyond 64 bits": b'{"a": -9223372036854775809}',
    "5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "5,000 digits of a fraction": b'{"a": 0.' + b"9" * 5000 + b"}",
    "33 deep": b"[" * 33 + b"]" * 33,
    "200,000 deep": b"[" * 200_000,
    "200,000 objects deep": b'{"a":' * 200_000,
    "not UTF-8": b'{"a": "\xff"}',
    "overlong": b'{"a": "\xc0\xaf"}',
    "encoded surrogate": b'{"a": "\xed\xa0\x80"}',
    "two values": b"{} {}",
    "comma at the end": b"[1,]",
    "single quotes": b"{'a': 1}",
    "comment": b"{} // x",
    "byte order mark within": b'\xef\xbb\xbf{"a": 1}',
    "nothing": b"",
}


@pytest.mark.assurance
@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_is_refused_with_words(name: str, tally: Callable[[str, int], None]) -> None:
    with pytest.raises(Invalid) as refusal:
        strict_json.loads(TRAPS[name])
    assert len(refusal.value.detail) > 10
    tally("traps refused", 1)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_what_has_one_meaning_passes(value: Any, ascii: bool) -> None:
    assert strict_json.loads(json.dumps(value, ensure_ascii=ascii).encode()) == value


@given(st.lists(VALUES, max_size=5))
def test_an_array_is_read_element_by_element(values: list[Any]) -> None:
    found = list(strict_json.elements(json.dumps(values, indent=1)))
    assert found == list(enumerate(values, start=1))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_words(data: bytes) -> None:
    try:
        json.dumps(strict_json.loads(data), allow_nan=False).encode()
    except Invalid as refusal:
        assert refusal.detail
