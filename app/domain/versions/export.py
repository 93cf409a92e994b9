"""Export a version in the usual formats; the same version gives the same bytes. Pure.

CSV is not lossless: a cell that a spreadsheet would run as a formula gets a leading apostrophe. JSON Lines and Parquet
are lossless.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from app.core.errors import Invalid
from app.domain.imports.reading.formats import FLAT_TAGS, RESERVED_FIELDS

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0", "＝", "＋", "－", "＠")
ROW_GROUP = 10_000


def example_line(identity: str, messages: list[dict[str, Any]], tags: dict[str, str]) -> bytes:
    """Return one line of a split file, which the trainer reads as `trainer.protocol.Example`."""
    return line({"id": identity, "messages": messages, "tags": tags})


def line(record: dict[str, Any]) -> bytes:
    """Return a record as one line of canonical JSON."""
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _jsonl(example: dict[str, Any]) -> dict[str, Any]:
    """Return {prompt, completion, …tags}; more turns and tags with reserved names get their own fields."""
    turns, tags = example["messages"], example["tags"]
    record: dict[str, Any] = {"prompt": _prompt(turns), "completion": turns[-1]["content"]}
    if [turn["role"] for turn in turns] != ["user", "assistant"]:
        record["messages"] = turns
    if len(tags) > FLAT_TAGS or RESERVED_FIELDS & set(tags):
        return {**record, "tags": tags}
    return {**tags, **record}


def _prompt(turns: list[dict[str, Any]]) -> str:
    return "\n\n".join(turn["content"] for turn in turns[:-1])


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


def csv_file(examples: list[dict[str, Any]]) -> bytes:
    """Return CSV with the columns id, prompt, completion, and one per tag of any example."""
    names = sorted({name for example in examples for name in example["tags"]})
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "prompt", "completion", *(escape_formula(f"tag:{name}") for name in names)])
    for example in examples:
        turns, tags = example["messages"], example["tags"]
        cells = [example["id"], _prompt(turns), turns[-1]["content"], *(tags.get(name, "") for name in names)]
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
        "prompt": _prompt(turns),
        "completion": turns[-1]["content"],
        "messages": [{"role": turn["role"], "content": turn["content"]} for turn in turns],
        "tags": [{"name": name, "value": value} for name, value in sorted(example["tags"].items())],
    }


TABLES: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {"csv": csv_file, "parquet": parquet_file}
FORMATS = (*WRITERS, *TABLES)
MEDIA = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


def convert(split_file: bytes, format: str) -> bytes:
    """Convert a split file to another format. Raises Invalid for an unknown format."""
    if format not in FORMATS:
        raise Invalid(f"The format must be one of {', '.join(FORMATS)}.", field="format")
    examples = (json.loads(row) for row in split_file.split(b"\n") if row)
    if format in TABLES:
        return TABLES[format](list(examples))
    return b"".join(line(WRITERS[format](example)) for example in examples)


def media_type(format: str) -> str:
    """Return the media type of a format's files."""
    return MEDIA.get(format, "application/jsonl")


def file_name(stem: str, format: str) -> str:
    """Return the file name with the format's extension: train.jsonl, train.csv."""
    return f"{stem}.{format if format in TABLES else 'jsonl'}"
