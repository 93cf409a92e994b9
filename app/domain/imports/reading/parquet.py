"""Rows of a Parquet file: plain column types only, batch by batch, within the budget of decoded bytes.

A type that would run code to be read (an Arrow extension type) is refused from the file's schema, nothing imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from app.core.errors import AppError, Invalid, TooLarge
from app.domain.imports.reading import limits

BATCH = 64
DEPTH = 8
EXTENSION = b"ARROW:extension:name"
PLAIN = (
    types.is_string, types.is_large_string, types.is_integer, types.is_floating, types.is_boolean, types.is_timestamp,
    types.is_null,
)  # fmt: skip
Row = tuple[int, dict[str, Any] | AppError]


def of_parquet(file: IO[bytes], meter: limits.Meter) -> Iterator[Row]:
    """Raises Invalid or TooLarge before the first row where the file's own figures say so."""
    try:
        parquet = pq.ParquetFile(file, arrow_extensions_enabled=False)
        _measure(parquet.metadata)
        _columns(parquet.schema_arrow)
        number = 0
        for batch in parquet.iter_batches(batch_size=BATCH, use_threads=False):
            for record in batch.to_pylist():
                number += 1
                meter.row()
                meter.add(_weight(record))
                yield number, {key: _plain(value) for key, value in record.items() if value is not None}
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise Invalid(f"The Parquet file cannot be read: {str(error)[:200]}") from error


def _measure(metadata: Any) -> None:
    if metadata.num_rows > limits.MAX_ROWS:
        raise TooLarge(f"The file has {metadata.num_rows:,} rows; at most {limits.MAX_ROWS:,} are read. Split it.")
    size = sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
    if size > limits.MAX_DECODED:
        raise TooLarge(f"The file decodes to more than {limits.MAX_DECODED // 1024**2} MiB of text; split it.")


def _columns(schema: pa.Schema) -> None:
    limits.columns(len(schema))
    for field in schema:
        _allowed(field, field.name, 0)


def _allowed(field: pa.Field, name: str, depth: int) -> None:
    kind = field.type
    if EXTENSION in (field.metadata or {}) or isinstance(kind, pa.BaseExtensionType):
        raise Invalid(f"The column {name[:80]!r} has an extension type, which is not read; save it as text.")
    if depth > DEPTH:
        raise Invalid(f"The column {name[:80]!r} is nested more than {DEPTH} deep; flatten it.")
    if types.is_dictionary(kind) and (types.is_string(kind.value_type) or types.is_large_string(kind.value_type)):
        return
    if types.is_list(kind) or types.is_large_list(kind):
        _allowed(kind.value_field, name, depth + 1)
    elif types.is_struct(kind):
        limits.columns(kind.num_fields)
        for index in range(kind.num_fields):
            _allowed(kind.field(index), name, depth + 1)
    elif not any(is_plain(kind) for is_plain in PLAIN):
        raise Invalid(f"The column {name[:80]!r} is of type {str(kind)[:80]}; only text, numbers, truth values, times,"
                      " and lists or structs of them are read.")  # fmt: skip


def _weight(value: Any) -> int:
    """Characters and values of a row as it is decoded: a dictionary's text counts each time that it is used."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_weight, value.values()))
    return sum(map(_weight, value)) if isinstance(value, list) else 8


def _plain(value: Any) -> Any:
    """Times as text; a number that is none as nothing; empty members of a struct left out."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if one is not None}
    return value
