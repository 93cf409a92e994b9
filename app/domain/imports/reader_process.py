"""Read every uploaded file in a child process, and validate what the process returns. Uses no database.

A file that crashes, blocks or overfills the reader is rejected, and never stops the web server.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from app.core import strict_json
from app.core.errors import Invalid, TooLarge
from app.domain.imports.reading import limits, mapping as column_mapping
from app.domain.imports.reading.file_types import FORMATS
from app.domain.pairs import content as pair_content
from app.domain.pairs.content import Content

ROOT = Path(__file__).resolve().parents[3]
HEAD_ROWS = 1000
MAX_BAD_BYTES = 64 * 1024 * 1024  # beyond this size, bad rows are stored without their text
MAX_PREVIEW_ROWS = HEAD_ROWS + limits.MAX_COUNTED
MAX_LINE = 8 * limits.MAX_ROW
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",  # address space is limited, and every thread reserves some
    "MALLOC_ARENA_MAX": "1",
    "LC_ALL": "C.UTF-8",
}
READER_STOPPED = "The file could not be read: it stopped the reader ({}). It is damaged or too complex; save it again."
log = logging.getLogger(__name__)


@dataclass
class ScanResult:
    """The content of a file: the good rows as contents, the first bad rows, and all bad rows as JSON lines.

    `rows` counts both, and rows beyond the head that were only counted. `columns` is set only when a head is read.
    """

    contents: list[Content] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    bad: int = 0
    bad_lines: list[bytes] = field(default_factory=list)
    bad_bytes: int = 0
    rows: int = 0
    kind: str = ""
    shape: str = ""
    columns: list[dict[str, Any]] = field(default_factory=list)

    def as_error(self) -> Invalid:
        """Return an error that names the first bad rows."""
        lines = [f"Row {error['row']}: {error['error']}" for error in self.errors]
        if len(lines) == 1:
            return Invalid(lines[0], field=self.errors[0]["field"])
        more = " or more" if self.bad == limits.MAX_ERRORS else ""
        return Invalid("\n".join([f"{self.bad} rows{more} have errors; nothing was imported.", *lines]), field="file")


def scan(
    data: Iterable[bytes],
    format: str,
    *,
    filename: str,
    source: str = "",
    license: str = "",
    names: column_mapping.Names | None = None,
    head: int | None = None,
    every: bool = True,
    complete: bool = True,
    tick: Callable[[], None] = lambda: None,
) -> ScanResult:
    """Return good and bad rows, all of both when `every`. Raises TooLarge, and Invalid for a file without any rows.

    A row without source or license is bad, unless `complete` is false. `names` is a mapping of columns.
    `tick` is called every few hundred rows, and may raise to stop the reader.
    """
    if format not in FORMATS:
        raise Invalid(f"The format must be one of {', '.join(FORMATS)}.", field="format")
    options: dict[str, Any] = {"format": format, "filename": filename[-200:], "source": source, "licence": license}
    options |= {"head": head or 0, "every": every, "complete": complete, "map": names or {}}
    result, ended = ScanResult(), False
    with _child(data, options) as output:
        while line := output.readline(MAX_LINE):
            ended = _add_event(result, _parse_event(line))
            if (len(result.contents) + result.bad) % 500 == 0:
                tick()
    if not ended:
        raise Invalid(READER_STOPPED.format("no end"), field="file")
    if not result.contents and not result.bad:
        raise Invalid("The file has no rows.", field="file")
    return result


def _add_event(result: ScanResult, event: dict[str, Any]) -> bool:
    """Add one event of the reader; True for the last one. Raises the error by which the reader rejects a file."""
    if "refused" in event:
        field = "map" if event.get("field") == "map" else "file"
        raise (TooLarge if event.get("status") == 413 else Invalid)(str(event["refused"]), field=field)
    if len(result.contents) + result.bad > limits.MAX_ROWS:
        raise TooLarge("The file has too many rows; split it.", field="file")
    if "content" in event:
        result.contents.append(pair_content.parse(event["content"]))
    elif "error" in event:
        _add_bad_row(result, event)
    elif "end" in event:
        result.rows, result.kind, result.shape = int(event["end"]), str(event.get("kind")), str(event.get("shape"))
        result.columns = [_column(column) for column in event.get("columns", ())[: limits.MAX_COLUMNS]]
        return True
    return False


def _add_bad_row(result: ScanResult, event: dict[str, Any]) -> None:
    name = event.get("field")
    bad = {
        "row": int(event["row"]),
        "error": str(event["error"])[:500],
        "field": str(name)[:80] if name else None,
        "text": str(event.get("text", ""))[: limits.MAX_SHOWN],
    }
    result.bad += 1
    if len(result.errors) < limits.MAX_ERRORS:
        result.errors.append(bad)
    if result.bad_bytes > MAX_BAD_BYTES:
        bad["text"] = ""
    line = json.dumps(bad, ensure_ascii=False).encode() + b"\n"
    result.bad_lines.append(line)
    result.bad_bytes += len(line)


def _column(column: dict[str, Any]) -> dict[str, Any]:
    samples = [str(sample)[:200] for sample in column["samples"][:3]]
    name = str(column["name"])[: column_mapping.MAX_COLUMN]
    return {"name": name, "filled": int(column["filled"]), "samples": samples}


def _parse_event(line: bytes) -> dict[str, Any]:
    """Parse a line of the reader's output. The file may have taken over the reader, so the output is untrusted."""
    event = strict_json.loads(line)
    if not isinstance(event, dict):
        raise Invalid(READER_STOPPED.format("unexpected output"), field="file")
    return event


@contextmanager
def _child(data: Iterable[bytes], options: dict[str, Any]) -> Iterator[IO[bytes]]:
    """Start the reader and yield its output. Raises Invalid when a signal or an error ends it.

    The data goes to an unnamed file: the reader gets only its descriptor, no path.
    """
    command = [sys.executable, "-P", "-s", "-m", "app.domain.imports.reading.reader_events", json.dumps(options)]
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as stderr, tempfile.TemporaryDirectory() as folder:
        file.writelines(data)
        file.seek(0)
        process = subprocess.Popen(
            command, stdin=file, stdout=subprocess.PIPE, stderr=stderr, env=ENVIRONMENT, cwd=folder
        )
        assert process.stdout is not None
        timer = threading.Timer(limits.WALL_SECONDS, process.kill)
        timer.start()
        try:
            yield process.stdout
        except BaseException:
            process.kill()
            raise
        finally:
            timer.cancel()
            process.stdout.close()
            code = process.wait()
        if code:
            stderr.seek(0)
            log.warning("an upload stopped its reader (%s): %s", code, stderr.read()[-2000:].decode("utf-8", "replace"))
            raise Invalid(READER_STOPPED.format(f"signal {-code}" if code < 0 else f"status {code}"), field="file")
