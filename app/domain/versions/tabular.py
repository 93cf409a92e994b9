"""Export a version as a table: CSV for spreadsheets, Parquet for programs; the same bytes each time. Pure.

The CSV is not lossless: a cell that a spreadsheet would run as a formula gets a leading apostrophe. JSON Lines and
Parquet are lossless.
"""

from __future__ import annotations

import csv
import io
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0", "＝", "＋", "－", "＠")
ROW_GROUP = 10_000


def csv_file(examples: list[dict[str, Any]]) -> bytes:
    """Return CSV with the columns id, prompt, completion, and one per tag of any example."""
    names = sorted({name for example in examples for name in example["tags"]})
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "prompt", "completion", *(escape_formula(f"tag:{name}") for name in names)])
    for example in examples:
        turns, tags = example["messages"], example["tags"]
        prompt = "\n\n".join(turn["content"] for turn in turns[:-1])
        cells = [example["id"], prompt, turns[-1]["content"], *(tags.get(name, "") for name in names)]
        writer.writerow([escape_formula(cell) for cell in cells])
    return out.getvalue().encode()


def escape_formula(cell: str) -> str:
    """Return text that no spreadsheet runs as a formula, even one that skips leading spaces and line breaks."""
    return f"'{cell}" if cell.lstrip(" \n\u00a0\ufeff").startswith(FORMULA) else cell


def parquet_file(examples: list[dict[str, Any]]) -> bytes:
    """Return Parquet with the columns id, prompt, completion, messages (role, content) and tags (name, value)."""
    import pyarrow as pa  # importing takes a tenth of a second
    import pyarrow.parquet as pq

    def list_of(first: str, second: str) -> Any:
        return pa.list_(pa.struct([(first, pa.string()), (second, pa.string())]))

    texts = [(name, pa.string()) for name in ("id", "prompt", "completion")]
    schema = pa.schema([*texts, ("messages", list_of("role", "content")), ("tags", list_of("name", "value"))])
    table = pa.Table.from_pylist([_row(example) for example in examples], schema=schema)
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd", row_group_size=ROW_GROUP, store_schema=False)
    return out.getvalue()


def _row(example: dict[str, Any]) -> dict[str, Any]:
    turns = example["messages"]
    return {
        "id": example["id"],
        "prompt": "\n\n".join(turn["content"] for turn in turns[:-1]),
        "completion": turns[-1]["content"],
        "messages": [{"role": turn["role"], "content": turn["content"]} for turn in turns],
        "tags": [{"name": name, "value": value} for name, value in sorted(example["tags"].items())],
    }
