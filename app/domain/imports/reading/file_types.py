"""Detect a file's type by its first bytes, never by its name alone; errors for unsupported types. Pure."""

from __future__ import annotations

import re

from app.core.errors import Invalid

HEAD_BYTES = 4096
FORMATS = ("auto", "jsonl", "csv", "parquet", "openai", "sharegpt", "alpaca", "argilla", "labelstudio")
BOM = b"\xef\xbb\xbf"
UNSUPPORTED = (
    (b"\x1f\x8b", "a gzip archive; unpack it and upload the file inside"),
    (b"BZh", "a bzip2 archive; unpack it and upload the file inside"),
    (b"\xfd7zXZ", "an xz archive; unpack it and upload the file inside"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it and upload the file inside"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive; unpack it and upload the file inside"),
    (b"Rar!", "a RAR archive; unpack it and upload the file inside"),
    (b"%PDF", "a PDF; upload the rows as JSON Lines, CSV or Parquet"),
    (b"\xd0\xcf\x11\xe0", "an old Office document; save the sheet as CSV (UTF-8) and upload that"),
    (b"\x89PNG", "an image; upload the rows as JSON Lines, CSV or Parquet"),
    (b"\xff\xd8\xff", "an image; upload the rows as JSON Lines, CSV or Parquet"),
    (b"SQLite format 3", "a database; export its rows as JSON Lines or CSV"),
    (b"ARROW1", "an Arrow file; save it as Parquet"),
    (b"\x00\x00\xfe\xff", "UTF-32; save it as UTF-8"),
    (b"\xff\xfe", "UTF-16, not UTF-8; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16, not UTF-8; save it as UTF-8"),
)
COLUMN = re.compile(r"(?:^|[,;\t])\s*\"?(?:prompt|completion|instruction|output|text)\"?\s*(?:[,;\t]|$)", re.IGNORECASE)


def detect(head: bytes, format: str, filename: str) -> str:
    """Return json, csv or parquet. Raises Invalid that says how to convert anything else."""
    if head.startswith(b"PAR1"):
        return "parquet"
    _reject_unsupported(head)
    if format == "parquet":
        raise Invalid("This is not a Parquet file; choose another format.", field="format")
    return "csv" if format == "csv" or (format == "auto" and _is_table(head, filename)) else "json"


def _reject_unsupported(head: bytes) -> None:
    for magic, description in UNSUPPORTED:
        if head.startswith(magic):
            raise Invalid(f"The file is {description}.", field="file")
    if head[:2] == b"PK" and head[2:4] in (b"\x03\x04", b"\x05\x06", b"\x07\x08"):
        office = b"[Content_Types].xml" in head or b"xl/" in head
        description = "a spreadsheet; save the sheet as CSV (UTF-8)" if office else "a zip archive; unpack it"
        raise Invalid(f"The file is {description} and upload the file inside.", field="file")
    if head[257:262] == b"ustar":
        raise Invalid("The file is a tar archive; unpack it and upload the file inside.", field="file")
    if head.lstrip(BOM + b" \t\r\n")[:1] == b"<":
        raise Invalid("The file is HTML or XML; upload the rows as JSON Lines, CSV or Parquet.", field="file")
    if b"\x00" in head:
        is_utf16 = head.count(b"\x00") * 3 > len(head)
        description = "UTF-16; save it as UTF-8" if is_utf16 else "not text (it contains NUL bytes)"
        raise Invalid(f"The file is {description}.", field="file")


def _is_table(head: bytes, filename: str) -> bool:
    """Whether the file is a table: by a header of known columns or by its name. JSON never is."""
    text = head.removeprefix(BOM).lstrip()
    if text[:1] in (b"{", b"["):
        return False
    first = text.split(b"\n", 1)[0].rstrip(b"\r").decode("utf-8", "replace")
    return filename.lower().endswith((".csv", ".tsv")) or bool(COLUMN.search(first) and re.search("[,;\t]", first))
