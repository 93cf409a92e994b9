"""What the reader says of a file: {row, content} or {row, error} for each row, at last {end} or {refused}."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import IO, Any

from app.core.errors import AppError, Invalid
from app.domain.datasets.reading import formats, kinds, limits, rows


def of_file(file: IO[bytes], options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Whatever the bytes are, the last saying is {end} or {refused}: words, never an exception."""
    try:
        yield from _rows(file, options)
    except AppError as error:
        yield {"refused": error.detail, "status": error.status}
    except MemoryError:
        yield {"refused": "The file needs more memory than an upload may take; split it.", "status": 413}


def _rows(file: IO[bytes], options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Stops at the 20th bad row, or after as many rows as were asked for."""
    wrong, good = 0, 0
    for number, record in islice(_records(file, options), options["head"] or None):
        try:
            if isinstance(record, AppError):
                raise record
            content = formats.content(record, options["format"], source=options["source"], licence=options["licence"])
        except Invalid as error:
            yield {"row": number, "error": error.detail, "field": error.field}
            wrong += 1
            if wrong == limits.MAX_ERRORS:
                break
            continue
        good += 1
        if not wrong:
            yield {"row": number, "content": content.as_dict()}
    yield {"end": good + wrong}


def _records(file: IO[bytes], options: dict[str, Any]) -> Iterator[rows.Row]:
    head = file.read(kinds.HEAD)
    file.seek(0)
    kind = kinds.of(head, options["format"], options["filename"])
    meter = limits.Meter()
    if kind == "parquet":
        from app.domain.datasets.reading.parquet import of_parquet  # a third of a second: only where it is needed

        return of_parquet(file, meter)
    return rows.of_csv(file, meter) if kind == "csv" else rows.of_json(file, meter)
