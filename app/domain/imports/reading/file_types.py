"""What a file is, by its first bytes and never by its name alone; words for the files that we do not read. Pure."""

from __future__ import annotations

import re

from app.core.errors import Invalid

HEAD = 4096
FORMATS = ("auto", "jsonl", "csv", "parquet", "openai", "sharegpt", "alpaca", "argilla", "labelstudio")
BOM = b"\xef\xbb\xbf"
REFUSED = (
    (b"\x1f\x8b", "a gzip archive; unpack it and send the file inside"),
    (b"BZh", "a bzip2 archive; unpack it and send the file inside"),
    (b"\xfd7zXZ", "an xz archive; unpack it and send the file inside"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it and send the file inside"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive; unpack it and send the file inside"),
    (b"Rar!", "a RAR archive; unpack it and send the file inside"),
    (b"%PDF", "a PDF; send the rows as JSON Lines, CSV or Parquet"),
    (b"\xd0\xcf\x11\xe0", "an old Office document; save the sheet as CSV (UTF-8) and send that"),
    (b"\x89PNG", "a picture; send the rows as JSON Lines, CSV or Parquet"),
    (b"\xff\xd8\xff", "a picture; send the rows as JSON Lines, CSV or Parquet"),
    (b"SQLite format 3", "a database; export its rows as JSON Lines or CSV"),
    (b"ARROW1", "an Arrow file; save it as Parquet"),
    (b"\x00\x00\xfe\xff", "UTF-32; save it as UTF-8"),
    (b"\xff\xfe", "UTF-16, not UTF-8; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16, not UTF-8; save it as UTF-8"),
)
COLUMN = re.compile(r"(?:^|[,;\t])\s*\"?(?:prompt|completion|instruction|output|text)\"?\s*(?:[,;\t]|$)", re.IGNORECASE)


def of(head: bytes, form: str, filename: str) -> str:
    """json, csv or parquet. Raises Invalid with the way out for anything else."""
    if form not in FORMATS:
        raise Invalid(f"The format is one of {', '.join(FORMATS)}.", field="format")
    if head.startswith(b"PAR1"):
        return "parquet"
    _refuse(head)
    if form == "parquet":
        raise Invalid("This is no Parquet file; choose the format that it has.", field="format")
    return "csv" if form == "csv" or (form == "auto" and _is_table(head, filename)) else "json"


def _refuse(head: bytes) -> None:
    for magic, words in REFUSED:
        if head.startswith(magic):
            raise Invalid(f"The file is {words}.", field="file")
    if head[:2] == b"PK" and head[2:4] in (b"\x03\x04", b"\x05\x06", b"\x07\x08"):
        office = b"[Content_Types].xml" in head or b"xl/" in head
        words = "a spreadsheet; save the sheet as CSV (UTF-8)" if office else "a zip archive; unpack it"
        raise Invalid(f"The file is {words} and send the file inside.", field="file")
    if head[257:262] == b"ustar":
        raise Invalid("The file is a tar archive; unpack it and send the file inside.", field="file")
    if head.lstrip(BOM + b" \t\r\n")[:1] == b"<":
        raise Invalid("The file is HTML or XML; send the rows as JSON Lines, CSV or Parquet.", field="file")
    if b"\x00" in head:
        words = "UTF-16; save it as UTF-8" if head.count(b"\x00") * 3 > len(head) else "not text (it holds NUL bytes)"
        raise Invalid(f"The file is {words}.", field="file")


def _is_table(head: bytes, filename: str) -> bool:
    """A heading row of known columns, or the name says so; JSON never is a table."""
    text = head.removeprefix(BOM).lstrip()
    if text[:1] in (b"{", b"["):
        return False
    first = text.split(b"\n", 1)[0].rstrip(b"\r").decode("utf-8", "replace")
    return filename.lower().endswith((".csv", ".tsv")) or bool(COLUMN.search(first) and re.search("[,;\t]", first))
