"""Read rows of JSON Lines, JSON arrays and CSV from a binary stream: (row number, record or error)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import IO, Any

from app.core import strict_json
from app.core.errors import AppError, Invalid
from app.domain.imports.reading import limits
from app.domain.imports.reading.file_types import BOM

Row = tuple[int, dict[str, Any] | AppError]


class BadRow(Invalid):
    """A malformed row, with its text for the user who fixes it."""

    def __init__(self, detail: str, text: str) -> None:
        super().__init__(detail)
        self.text = text


def read_json(file: IO[bytes], meter: limits.Meter) -> Iterator[Row]:
    """Yield the rows of one object per line, or of one array of objects. Raises Invalid, TooLarge."""
    start = _skip_bom(file)
    while byte := file.read(1):
        if byte not in b" \t\r\n":
            break
    file.seek(start)
    yield from _array(file, meter) if byte == b"[" else _lines(file, meter)


def _skip_bom(file: IO[bytes]) -> int:
    """Skip one byte order mark and return the position where the text begins."""
    if file.read(len(BOM)) != BOM:
        file.seek(0)
    return file.tell()


def _lines(file: IO[bytes], meter: limits.Meter) -> Iterator[Row]:
    """Only a line feed ends a line: U+2028 and U+0085 occur inside texts."""
    number = 0
    while line := file.readline(limits.MAX_ROW + 1):
        number += 1
        if len(line) > limits.MAX_ROW:
            raise Invalid(f"Row {number} is longer than {limits.MAX_ROW // 1024**2} MiB; split it.")
        if not line.strip(b" \t\r\n"):
            continue
        meter.add(1, len(line))
        try:
            record = strict_json.loads(line)
        except Invalid as error:
            yield number, BadRow(error.detail, line[: limits.MAX_SHOWN * 4].decode("utf-8", "replace"))
            continue
        yield number, _object(record)


def _array(file: IO[bytes], meter: limits.Meter) -> Iterator[Row]:
    data = file.read(limits.MAX_DECODED + 1)
    meter.add(0, len(data))
    for number, record in strict_json.elements(strict_json.decode(data)):
        meter.add(1, 0)
        yield number, _object(record)


def _object(record: Any) -> dict[str, Any] | AppError:
    if isinstance(record, dict):
        return record
    return BadRow("this is not an object; write one JSON object per row.", json.dumps(record))


def read_csv(file: IO[bytes], meter: limits.Meter) -> Iterator[Row]:
    """Yield one record per row after the header. Numbers are those of the spreadsheet: the first record is row 2."""
    csv.field_size_limit(limits.MAX_CELL)
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    number = 1
    try:
        reader = csv.reader(_bounded(text), delimiter=_delimiter(text), strict=True)
        header = next(reader, [])
        limits.check_column_count(len(header))
        if len({name for name in header if name}) != len([name for name in header if name]):
            raise Invalid("Two columns have the same name; rename one.")
        for cells in reader:
            number += 1
            if cells:
                meter.add(1, sum(map(len, cells)))
                yield number, _record(header, cells)
    except csv.Error as error:
        raise Invalid(f"Row {number + 1} is not valid CSV: {error}.") from error
    except UnicodeDecodeError as error:
        raise Invalid("The file is not UTF-8; save it as UTF-8 and upload it again.") from error


def _delimiter(text: io.TextIOWrapper) -> str:
    """Return the comma, or the semicolon or tab of a header without commas."""
    header = text.readline(65536)
    text.seek(0)
    return next((mark for mark in ",;\t" if mark in header), ",")


def _bounded(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(limits.MAX_ROW):
        if len(line) == limits.MAX_ROW:
            raise csv.Error(f"a line is longer than {limits.MAX_ROW // 1024**2} MiB")
        yield line


def _record(header: list[str], cells: list[str]) -> dict[str, Any] | AppError:
    if len(cells) > len(header):
        error = f"{len(cells)} cells but {len(header)} column names; quote cells that contain a comma."
        return BadRow(error, ",".join(cells))
    return dict(zip(header, cells, strict=False))
