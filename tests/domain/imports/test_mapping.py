"""Column mappings: valid mappings, the contents they make, and the errors."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.core.errors import Invalid
from app.domain.imports import reader_process
from app.domain.imports.reading import mapping as column_mapping
from app.domain.pairs.content import Content

ROWS = [
    {
        "q": "Where is it?",
        "more": "On floor 2.",
        "a": "left",
        "desk": "porter",
        "n": 3,
        "src": "board",
        "doc": "A map.",
    },
    {"q": "Who signs?", "more": "", "a": "nobody", "desk": "", "n": 4, "src": "board", "doc": None},
]


def jsonl(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def scan(
    rows: list[Any] | bytes, names: dict[str, Any], name: str = "f.jsonl", **options: Any
) -> reader_process.ScanResult:
    data = rows if isinstance(rows, bytes) else jsonl(rows)
    return reader_process.scan(
        [data], "auto", filename=name, names=column_mapping.parse(names), **{"source": "s", "license": "l", **options}
    )


def contents(rows: list[Any] | bytes, names: dict[str, Any], name: str = "f.jsonl") -> list[Content]:
    result = scan(rows, names, name)
    assert not result.bad, result.errors
    return result.contents


NAMES = {"prompt": ["q", "more"], "completion": "a", "tags": ["desk", "n"], "source": "src", "context": ["doc"]}


def test_mapped_columns_become_fields() -> None:
    first, second = contents(ROWS, NAMES)
    assert (first.prompt, first.completion) == ("Where is it?\n\nOn floor 2.", "left")
    assert (first.tags, first.source, first.licence) == ({"desk": "porter", "n": "3"}, "board", "l")
    assert first.context == ({"text": "A map.", "title": "doc"},)
    assert (second.prompt, second.tags, second.context) == ("Who signs?", {"n": "4"}, ())


def test_csv_and_parquet_map_the_same() -> None:
    header = "q,more,a,desk,n,src,doc"
    csv = (header + "\nWhere is it?,On floor 2.,left,porter,3,board,A map.\n").encode()
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS[:1]), out)
    expected = contents(ROWS[:1], NAMES)
    assert contents(csv, NAMES, "f.csv") == expected == contents(out.getvalue(), NAMES, "f.bin")


def test_unmapped_columns_are_detected() -> None:
    row = {"instruction": "Where?", "input": "", "output": "left", "origin": "board", "topic": "way"}
    [content] = contents([row], {"source": "origin", "tag:about": "topic"})
    assert (content.prompt, content.completion, content.source) == ("Where?", "left", "board")
    assert content.tags == {"about": "way"}
    [content] = contents([{"prompt": "Where?", "completion": "left", "desk": "porter"}], {"system": "desk"})
    assert content.messages[0] == ("system", "porter")


def test_mapping_overrides_known_format() -> None:
    record = {
        "fields": {"text": "Where?", "title": "Way"},
        "responses": {"label": [{"value": "left"}]},
        "gold": "right",
    }
    [content] = contents([record], {"prompt": ["fields.title", "fields.text"], "completion": "gold"})
    assert (content.prompt, content.completion) == ("Way\n\nWhere?", "right")


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
        [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}],
        json.dumps([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]),
    ],
)
def test_column_of_messages(turns: Any) -> None:
    [content] = contents([{"chat": turns}], {"messages": "chat"})
    assert (content.prompt, content.completion) == ("q", "a")


def test_object_answer_becomes_json() -> None:
    [content] = contents([{"q": "Read it.", "a": {"name": "Ö"}}], {"prompt": "q", "completion": "a"})
    assert content.completion == '{"name": "Ö"}'


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ([], "an object"),
        ({"prompts": "q"}, "is not a target"),
        ({"tag:": "q"}, "is not a target"),
        ({"prompt": "q"}, "both"),
        ({"prompt": 3, "completion": "a"}, "name of a column"),
        ({"prompt": "", "completion": "a"}, "name of a column"),
        ({"messages": ["a", "b"]}, "one column"),
        ({"messages": "a", "prompt": "q", "completion": "b"}, "either"),
    ],
)
def test_invalid_mapping_is_rejected(mapping: Any, message: str) -> None:
    with pytest.raises(Invalid, match=message) as error:
        column_mapping.parse(mapping)
    assert error.value.field == "map"


def test_missing_column_lists_known_ones() -> None:
    with pytest.raises(Invalid, match="no column 'question'; its columns are q, more") as error:
        scan(ROWS, {"prompt": "question", "completion": "a"})
    assert error.value.field == "map"


def test_bad_rows_are_listed_with_text() -> None:
    result = scan(jsonl([ROWS[0], {"q": "x" * 5000}]) + b"[1]\n{\n", {"prompt": "q", "completion": "a"})
    assert (len(result.contents), result.bad, [error["row"] for error in result.errors]) == (1, 3, [2, 3, 4])
    lines = [json.loads(line) for line in result.bad_lines]
    assert [set(line) for line in lines] == [{"row", "error", "field", "text"}] * 3
    assert (lines[0]["field"], len(lines[0]["text"])) == ("completion", 2000)


def test_all_bad_rows_are_listed() -> None:
    result = scan(
        [{"q": str(n)} for n in range(90)], {"prompt": "q", "completion": "q2", "tags": []} | {"completion": "q"}
    )
    assert (result.bad, len(result.contents)) == (0, 90)
    result = scan([{"x": n} for n in range(90)] + ROWS, {"prompt": "q", "completion": "a"})
    assert (result.bad, len(result.bad_lines), len(result.errors), len(result.contents)) == (90, 90, 20, 2)


def test_row_without_any_source_is_bad() -> None:
    rows = [{**ROWS[0], "src": ""}, ROWS[1]]
    result = scan(rows, NAMES, source="")
    assert [(error["row"], error["field"]) for error in result.errors] == [(1, "source")]
    assert scan(rows, NAMES, source="", complete=False).bad == 0


def test_common_names_are_guessed() -> None:
    assert column_mapping.guess(["id", "Question", "Answer", "license"]) == {
        "prompt": ["Question"],
        "completion": ["Answer"],
        "licence": ["license"],
    }
    assert column_mapping.guess(["a", "b"]) == {}
    assert column_mapping.guess(["text", "label"]) == {"prompt": ["text"], "completion": ["label"]}


def test_columns_come_with_samples() -> None:
    result = scan(ROWS, {}, head=1000, complete=False)
    assert result.shape == "" and result.bad == 2
    by_name = {column["name"]: column for column in result.columns}
    assert by_name["desk"] == {"name": "desk", "filled": 1, "samples": ["porter"]}
    assert by_name["n"]["samples"] == ["3", "4"]


def test_nul_characters_are_replaced() -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"q": ["a\x00b"], "a": ["c"]}), out)
    result = scan(out.getvalue(), {"prompt": "q", "completion": "a"}, "f.bin", head=10)
    assert result.bad == 1 and "\x00" not in result.errors[0]["text"]
    assert result.columns[0]["samples"] == ["a\ufffdb"]
