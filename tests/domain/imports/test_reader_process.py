"""Every format of a file is read; every bad file is rejected with the row and the reason."""

from __future__ import annotations

import json

import pytest

from app.core.errors import Invalid
from tests.fixtures import uploads


def read(data: bytes, format: str = "auto", filename: str = "f.jsonl") -> list[tuple[str, str]]:
    return [(content.prompt, content.completion) for content in uploads.read(data, format, filename=filename)]


MESSAGES = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
TURNS = {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}


@pytest.mark.parametrize(
    "record",
    [{"prompt": "q", "completion": "a"}, MESSAGES, TURNS, {"instruction": "q", "input": "", "output": "a"}],
)
def test_formats(record: dict[str, object]) -> None:
    assert read(json.dumps(record).encode()) == [("q", "a")]
    assert read(json.dumps([record, record]).encode()) == [("q", "a")] * 2


def test_csv_and_tags() -> None:
    assert read(b"prompt,completion,category\nq,a,c\n", filename="f.csv") == [("q", "a")]
    row = b'{"prompt":"q","completion":"a","category":"c","id":"7","meta":{"lang":"it"}}'
    [content] = uploads.read(row, "jsonl", filename="")
    assert content.tags == {"category": "c", "lang": "it"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no rows"),
        (b"\xff\xfe", "UTF-8"),
        (b"not json", "Row 1"),
        (b'{"prompt":"q","completion":"a"}\n{"prompt":"q"}', "Row 2"),
        (b'{"prompt":"q","completion":{"a":1}}', "Row 1"),
        (b'{"prompt":"q\\u0000","completion":"a"}', "Row 1"),
        (b'{"prompt":"\\ud800","completion":"a"}', "Row 1"),
        (b'{"prompt":"q","completion":' + b"[" * 100_000, "Row 1"),
        (b"[1, 2]", "object"),
        (b'{"messages":[{"role":"root","content":"q"},{"role":"assistant","content":"a"}]}', "Row 1"),
    ],
)
def test_bad_file_names_row_and_reason(data: bytes, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        read(data)
