"""Read the rows of a Parquet file: plain column types only, batch by batch, within the limit of decoded bytes.

Arrow extension types, which may run code when they are read, are rejected by the file's schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from app.core.errors import Invalid, TooLarge
from app.domain.imports.reading import limits
from app.domain.imports.reading.rows import Row

BATCH = 64
DEPTH = 8
EXTENSION = b"ARROW:extension:name"
PLAIN = (
    types.is_string, types.is_large_string, types.is_integer, types.is_floating, types.is_boolean, types.is_timestamp,
    types.is_null,
)  # fmt: skip


def read_parquet(file: IO[bytes], meter: limits.Meter) -> Iterator[Row]:
    """Yield (row number, record). Raises Invalid or TooLarge, if possible before the first row."""
    try:
        parquet = pq.ParquetFile(file, arrow_extensions_enabled=False)
        _check_size(parquet.metadata)
        _check_columns(parquet.schema_arrow)
        number = 0
        for batch in parquet.iter_batches(batch_size=BATCH, use_threads=False):
            for record in batch.to_pylist():
                number += 1
                meter.add(1, _weight(record))
                yield number, {key: _plain(value) for key, value in record.items() if value is not None}
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise Invalid(f"The Parquet file cannot be read: {str(error)[:200]}") from error


def _check_size(metadata: Any) -> None:
    if metadata.num_rows > limits.MAX_ROWS:
        raise TooLarge(f"The file has {metadata.num_rows:,} rows; at most {limits.MAX_ROWS:,} are read. Split it.")
    size = sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
    if size > limits.MAX_DECODED:
        raise TooLarge(f"The file decodes to more than {limits.MAX_DECODED // 1024**2} MiB of text; split it.")


def _check_columns(schema: pa.Schema) -> None:
    limits.check_column_count(len(schema))
    for field in schema:
        _check_type(field, field.name, 0)


def _check_type(field: pa.Field, name: str, depth: int) -> None:
    kind = field.type
    if EXTENSION in (field.metadata or {}) or isinstance(kind, pa.BaseExtensionType):
        raise Invalid(f"The column {name[:80]!r} has an extension type, which is not supported; save it as text.")
    if depth > DEPTH:
        raise Invalid(f"The column {name[:80]!r} is nested more than {DEPTH} deep; flatten it.")
    if types.is_dictionary(kind) and (types.is_string(kind.value_type) or types.is_large_string(kind.value_type)):
        return
    if types.is_list(kind) or types.is_large_list(kind):
        _check_type(kind.value_field, name, depth + 1)
    elif types.is_struct(kind):
        limits.check_column_count(kind.num_fields)
        for index in range(kind.num_fields):
            _check_type(kind.field(index), name, depth + 1)
    elif not any(is_plain(kind) for is_plain in PLAIN):
        raise Invalid(f"The column {name[:80]!r} is of type {str(kind)[:80]}; only text, numbers, booleans, times,"
                      " and lists or structs of them are supported.")  # fmt: skip


def _weight(value: Any) -> int:
    """Return the decoded size of a value: characters of text, 8 for other values. Repeated text counts each time."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_weight, value.values()))
    return sum(map(_weight, value)) if isinstance(value, list) else 8


def _plain(value: Any) -> Any:
    """Return JSON values: times as text, NaN and infinity as None, structs without their empty members."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    return value
