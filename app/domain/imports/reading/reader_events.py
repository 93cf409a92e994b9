"""The child process that reads a file: its events are {row, content} or {row, error} for each row, then {end} or
{refused}.

It reads one file from standard input and writes one JSON line per event to standard output. It gets no database address
and no secret, and runs under kernel limits. The only argument holds the options as JSON. When the last event is
missing, the file killed the reader.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any

from app.core.errors import AppError, Invalid
from app.domain.imports.reading import file_types, formats, limits, mapping as column_mapping, rows
from app.domain.imports.reading.mapping import Columns, plain_text
from app.domain.pairs.content import Content

ReaderEvent = dict[str, Any]


def read_events(file: IO[bytes], options: ReaderEvent) -> Iterator[ReaderEvent]:
    """Yield the events of a file. Whatever the bytes are, the last event is {end} or {refused}, never an exception.

    Options: `format`, `filename`, `source`, `licence`, `map`, `head` (rows to read, 0 for all); `every`: continue after
    the 20th bad row and yield the good ones too; `complete`: each row must have a source and a license.
    """
    try:
        yield from _rows(file, options)
    except AppError as error:
        yield {"refused": error.detail, "status": error.status, "field": error.field or "file"}
    except MemoryError:
        yield {"refused": "The file needs more memory than an upload may take; split it.", "status": 413}


def _rows(file: IO[bytes], options: ReaderEvent) -> Iterator[ReaderEvent]:
    kind, records = _records(file, options)
    columns, shapes = Columns(), Counter[str]()
    bad, good, every = 0, 0, options.get("every")
    for number, record in islice(records, options["head"] or None):
        try:
            content = _content(record, options, columns, shapes)
        except Invalid as error:
            yield {"row": number, "error": error.detail, "field": error.field, "text": _shown(record)}
            bad += 1
            if bad == limits.MAX_ERRORS and not every:
                break
            continue
        good += 1
        if every or not bad:
            yield {"row": number, "content": content.as_dict()}
    _require_columns(columns, options)
    rest = sum(1 for _ in islice(records, limits.MAX_COUNTED)) if options["head"] and every else 0
    shape = shapes.most_common(1)[0][0] if shapes else ""
    yield {"end": good + bad + rest, "kind": kind, "shape": shape, "columns": columns.as_list()}


def _content(record: Any, options: ReaderEvent, columns: Columns, shapes: Counter[str]) -> Content:
    """Return the content of a record. Raises Invalid that says what is wrong with it."""
    if isinstance(record, AppError):
        raise record
    names, format = options.get("map") or {}, options["format"]
    if names or options["head"]:
        columns.add_row(record)
    if options["head"]:
        shapes[_shape(record, format)] += 1
    origin = {"source": options["source"], "license": options["licence"]}
    content = (
        column_mapping.to_content(record, names, format, **origin)
        if names
        else formats.to_content(record, format, **origin)
    )
    if options.get("complete"):
        for name, value in (("source", content.source), ("license", content.licence)):
            if not value.strip():
                field = "licence" if name == "license" else name
                raise Invalid(f"the row has no {name}, and the import sets none for the file.", field=field)
    return content


def _shape(record: dict[str, Any], format: str) -> str:
    try:
        return formats.shape_in(record, format)
    except Invalid:
        return ""


def _require_columns(columns: Columns, options: ReaderEvent) -> None:
    missing = columns.missing(options.get("map") or {})
    if missing is not None:
        known = ", ".join(name[:60] for name in list(columns.samples)[:20]) or "none"
        raise Invalid(f"The file has no column {missing!r}; its columns are {known}.", field="map")


def _shown(record: Any) -> str:
    """Return the row as text, up to the stored length."""
    value = getattr(record, "text", "") if isinstance(record, AppError) else record
    return plain_text(value)[: limits.MAX_SHOWN]


def _records(file: IO[bytes], options: ReaderEvent) -> tuple[str, Iterator[rows.Row]]:
    head = file.read(file_types.HEAD_BYTES)
    file.seek(0)
    kind = file_types.detect(head, options["format"], options["filename"])
    meter = limits.Meter()
    if kind == "parquet":
        from app.domain.imports.reading.parquet import read_parquet  # importing takes a third of a second

        return kind, read_parquet(file, meter)
    return kind, rows.read_csv(file, meter) if kind == "csv" else rows.read_json(file, meter)


if __name__ == "__main__":
    limits.confine()
    for event in read_events(sys.stdin.buffer, json.loads(sys.argv[1])):
        print(json.dumps(event))
    sys.stdout.flush()
    os._exit(0)  # skip cleanup: a library that stops its threads under these limits may abort
