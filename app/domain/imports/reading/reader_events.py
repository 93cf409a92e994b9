"""What the reader says of a file: {row, content} or {row, error} for each row, at last {end} or {refused}."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any

from app.core.errors import AppError, Invalid
from app.domain.imports.reading import file_types, formats, limits, rows
from app.domain.imports.reading import mapping as column_mapping
from app.domain.imports.reading.columns import Columns, plain
from app.domain.pairs.content import Content

ReaderEvent = dict[str, Any]


def of_file(file: IO[bytes], options: ReaderEvent) -> Iterator[ReaderEvent]:
    """Whatever the bytes are, the last saying is {end} or {refused}: words, never an exception.

    Options: format, filename, source, licence, head (rows read, 0 for all), map, and `every`: go on after the 20th bad
    row and say the good ones too; `complete`: each row has source and licence.
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
    wrong, good, every = 0, 0, options.get("every")
    for number, record in islice(records, options["head"] or None):
        try:
            content = _content(record, options, columns, shapes)
        except Invalid as error:
            yield {"row": number, "error": error.detail, "field": error.field, "text": _shown(record)}
            wrong += 1
            if wrong == limits.MAX_ERRORS and not every:
                break
            continue
        good += 1
        if every or not wrong:
            yield {"row": number, "content": content.as_dict()}
    _require_columns(columns, options)
    rest = sum(1 for _ in islice(records, limits.MAX_COUNTED)) if options["head"] and every else 0
    shape = shapes.most_common(1)[0][0] if shapes else ""
    yield {"end": good + wrong + rest, "kind": kind, "shape": shape, "columns": columns.as_list()}


def _content(record: Any, options: ReaderEvent, columns: Columns, shapes: Counter[str]) -> Content:
    """Raises Invalid that says what is wrong with the row."""
    if isinstance(record, AppError):
        raise record
    names, form = options.get("map") or {}, options["format"]
    if names or options["head"]:
        columns.note(record)
    if options["head"]:
        shapes[_shape(record, form)] += 1
    origin = {"source": options["source"], "licence": options["licence"]}
    content = (
        column_mapping.content(record, names, form, **origin) if names else formats.content(record, form, **origin)
    )
    for name in ("source", "licence") if options.get("complete") else ():
        if not getattr(content, name).strip():
            raise Invalid(f"the row has no {name}, and none was given for the file.", field=name)
    return content


def _shape(record: dict[str, Any], form: str) -> str:
    try:
        return formats.shape_in(record, form)
    except Invalid:
        return ""


def _require_columns(columns: Columns, options: ReaderEvent) -> None:
    lacking = columns.lacking(options.get("map") or {})
    if lacking is not None:
        known = ", ".join(name[:60] for name in list(columns.samples)[:20]) or "none"
        raise Invalid(f"The file has no column {lacking!r}; its columns are {known}.", field="map")


def _shown(record: Any) -> str:
    """The row as text, as far as it is kept."""
    given = getattr(record, "text", "") if isinstance(record, AppError) else record
    return plain(given)[: limits.MAX_SHOWN]


def _records(file: IO[bytes], options: ReaderEvent) -> tuple[str, Iterator[rows.Row]]:
    head = file.read(file_types.HEAD)
    file.seek(0)
    kind = file_types.of(head, options["format"], options["filename"])
    meter = limits.Meter()
    if kind == "parquet":
        from app.domain.imports.reading.parquet import of_parquet  # a third of a second: only where it is needed

        return kind, of_parquet(file, meter)
    return kind, rows.of_csv(file, meter) if kind == "csv" else rows.of_json(file, meter)
