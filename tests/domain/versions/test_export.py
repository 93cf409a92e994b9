"""JSON Lines and Parquet exports are lossless, CSV exports hold no formula."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from app.core.errors import Invalid
from app.domain.checks.text.invisible import folded
from app.domain.imports.reading import reader_events
from app.domain.pairs import content as pair_content
from app.domain.versions import export
from app.domain.versions.export import escape_formula

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
NAMES = st.sampled_from(["category", "Language", "id", "tags", "meta", "data", "prompt", "source", "ﬁ", "x y"]) | TEXT
CONTENTS = st.builds(
    lambda turns, answer, tags: {
        "messages": [
            *({"role": role, "content": text} for role, text in turns),
            {"role": "assistant", "content": answer},
        ],
        "tags": tags,
    },
    st.lists(st.tuples(st.sampled_from(pair_content.ROLES), TEXT), min_size=1, max_size=4),
    TEXT,
    st.dictionaries(
        NAMES.filter(folded),
        TEXT | st.integers(-9, 9),
        max_size=25,
    ).filter(lambda tags: len({folded(n) for n in tags}) == len(tags)),
)


def split_file(contents: list[pair_content.Content]) -> bytes:
    return b"".join(
        export.example_line(str(number), content.as_dict()["messages"], content.tags)
        for number, content in enumerate(contents)
    )


def reread(body: bytes) -> list[pair_content.Content]:
    options = {"format": "auto", "filename": "x", "source": "s", "licence": "l", "head": 0}
    events = list(reader_events.read_events(io.BytesIO(body), options))
    assert "end" in events[-1] and not [event for event in events if "error" in event], events
    return [pair_content.parse(event["content"]) for event in events[:-1]]


@settings(max_examples=150, deadline=None)
@given(st.lists(CONTENTS, min_size=1, max_size=3))
@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_export_round_trip_is_lossless(format: str, bodies: list[dict[str, Any]]) -> None:
    contents = [pair_content.parse({**body, "source": "s", "licence": "l"}) for body in bodies]
    first = split_file(contents)
    exported = export.convert(first, format)
    assert reread(exported) == contents
    assert export.convert(split_file(reread(exported)), format) == exported == export.convert(first, format)


@given(TEXT)
def test_no_cell_is_a_formula(text: str) -> None:
    shown = escape_formula(text)
    assert shown in (text, "'" + text)
    assert not shown.lstrip(" \n").startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.lists(CONTENTS, min_size=1, max_size=3))
def test_csv_has_a_row_per_example(bodies: list[dict[str, Any]]) -> None:
    contents = [pair_content.parse({**body, "source": "s", "licence": "l"}) for body in bodies]
    rows = list(csv.reader(io.StringIO(export.convert(split_file(contents), "csv").decode(), newline="")))
    assert rows[0][:3] == ["id", "prompt", "completion"]
    assert [row[2] for row in rows[1:]] == [escape_formula(content.completion) for content in contents]


def test_formula_examples() -> None:
    for cell in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "=HYPERLINK(0)", "\u00a0=1", "＝1"):
        assert escape_formula(cell) == f"'{cell}"
    assert escape_formula("a=1") == "a=1"


@pytest.mark.parametrize("format", export.FORMATS)
def test_export_is_deterministic(format: str) -> None:
    body = split_file([pair_content.pair("q", "=a", tags={"b": "2", "a": "1"})] * 3)
    assert export.convert(body, format) == export.convert(body, format)
    assert export.file_name("train", format).startswith("train.")


def test_unknown_format_is_rejected() -> None:
    with pytest.raises(Invalid, match="parquet"):
        export.convert(b"", "xlsx")


def test_plain_pair_is_a_plain_line() -> None:
    body = split_file([pair_content.pair("q", "a", tags={"category": "c"})])
    assert json.loads(export.convert(body, "jsonl")) == {"prompt": "q", "completion": "a", "category": "c"}
