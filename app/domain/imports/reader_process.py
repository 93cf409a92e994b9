"""The door of every upload: a child process reads the file; what it says is checked again here. Pure but for that.

A file that crashes, hangs or fills the reader is a refused file and never a web server that is gone.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from app.core import strict_json
from app.core.errors import Invalid, TooLarge
from app.domain.imports.reading import limits
from app.domain.imports.reading import mapping as column_mapping
from app.domain.imports.reading.file_types import FORMATS
from app.domain.pairs import content as pair_content
from app.domain.pairs.content import Content

ROOT = Path(__file__).resolve().parents[3]
HEAD_ROWS = 1000
MAX_BAD_BYTES = 64 * 1024 * 1024  # beyond it bad rows are named without their text
MOST_COUNTED = HEAD_ROWS + limits.MAX_COUNTED
MAX_LINE = 8 * limits.MAX_ROW
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",  # address space is bounded, and every thread reserves some
    "MALLOC_ARENA_MAX": "1",
    "LC_ALL": "C.UTF-8",
}
GONE = "The file could not be read: it stopped the reader ({}). It is damaged, or asks for too much; save it anew."
log = logging.getLogger(__name__)


@dataclass
class ScanResult:
    """What a file holds: contents of the good rows; of the bad ones the first few, and all as lines of JSON.

    `rows` counts both, and rows beyond the head that were only counted. `columns` are known of a head alone.
    """

    contents: list[Content] = field(default_factory=list)
    wrong: list[dict[str, Any]] = field(default_factory=list)
    bad: int = 0
    bad_lines: list[bytes] = field(default_factory=list)
    bad_bytes: int = 0
    rows: int = 0
    kind: str = ""
    shape: str = ""
    columns: list[dict[str, Any]] = field(default_factory=list)

    def refusal(self) -> Invalid:
        """The first bad rows in words."""
        lines = [f"Row {one['row']}: {one['error']}" for one in self.wrong]
        if len(lines) == 1:
            return Invalid(lines[0], field=self.wrong[0]["field"])
        more = " or more" if self.bad == limits.MAX_ERRORS else ""
        return Invalid("\n".join([f"{self.bad} rows{more} are wrong; nothing was imported.", *lines]), field="file")


def read(data: bytes | IO[bytes], form: str, *, head: int | None = None, **given: Any) -> list[Content]:
    """One content per row, or of the first `head` rows. Raises Invalid that names the first bad rows, or TooLarge."""
    found = scan(data, form, head=head, every=False, **given)
    if found.bad:
        raise found.refusal()
    return found.contents


def scan(
    data: bytes | IO[bytes],
    form: str,
    *,
    filename: str,
    source: str,
    licence: str,
    names: column_mapping.Names | None = None,
    head: int | None = None,
    every: bool = True,
    complete: bool = True,
    tick: Callable[[], None] = lambda: None,
) -> ScanResult:
    """Good and bad rows; all of both when `every`. Raises Invalid for a file that is none or has no rows, TooLarge.

    A row that lacks its origin is bad, unless the import is not yet `complete`. `names` is a mapping of columns;
    `tick` is called now and then, and may raise to stop the reading.
    """
    if form not in FORMATS:
        raise Invalid(f"The format is one of {', '.join(FORMATS)}.", field="format")
    options: dict[str, Any] = {"format": form, "filename": filename[-200:], "source": source, "licence": licence}
    options |= {"head": head or 0, "every": every, "complete": complete, "map": names or {}}
    found, ended = ScanResult(), False
    with _on_disk(data) as file, _child(file, options) as output:
        while line := output.readline(MAX_LINE):
            ended = _hear(found, _said(line))
            if (len(found.contents) + found.bad) % 500 == 0:
                tick()
    if not ended:
        raise Invalid(GONE.format("no end"), field="file")
    if not found.contents and not found.bad:
        raise Invalid("The file holds no rows.", field="file")
    return found


def _hear(found: ScanResult, said: dict[str, Any]) -> bool:
    """Note one saying; True for the last one. Raises what it says of a file that is refused."""
    if "refused" in said:
        where = "map" if said.get("field") == "map" else "file"
        raise (TooLarge if said.get("status") == 413 else Invalid)(str(said["refused"]), field=where)
    if len(found.contents) + found.bad > limits.MAX_ROWS:
        raise TooLarge("The file has too many rows; split it.", field="file")
    if "content" in said:
        found.contents.append(pair_content.parse(said["content"]))
    elif "error" in said:
        _note_bad(found, said)
    elif "end" in said:
        found.rows, found.kind, found.shape = int(said["end"]), str(said.get("kind")), str(said.get("shape"))
        found.columns = [_column(one) for one in said.get("columns", ())[: limits.MAX_COLUMNS]]
        return True
    return False


def _note_bad(found: ScanResult, said: dict[str, Any]) -> None:
    name = said.get("field")
    bad = {
        "row": int(said["row"]),
        "error": str(said["error"])[:500],
        "field": str(name)[:80] if name else None,
        "text": str(said.get("text", ""))[: limits.MAX_SHOWN],
    }
    found.bad += 1
    if len(found.wrong) < limits.MAX_ERRORS:
        found.wrong.append(bad)
    if found.bad_bytes > MAX_BAD_BYTES:
        bad["text"] = ""
    line = json.dumps(bad, ensure_ascii=False).encode() + b"\n"
    found.bad_lines.append(line)
    found.bad_bytes += len(line)


def _column(said: dict[str, Any]) -> dict[str, Any]:
    samples = [str(one)[:200] for one in said["samples"][:3]]
    return {"name": str(said["name"])[: column_mapping.MAX_COLUMN], "filled": int(said["filled"]), "samples": samples}


def _said(line: bytes) -> dict[str, Any]:
    """The child may have been taken over by the file: it is believed no more than the file itself."""
    said = strict_json.loads(line)
    if not isinstance(said, dict):
        raise Invalid(GONE.format("it said something else"), field="file")
    return said


@contextmanager
def _on_disk(data: bytes | IO[bytes]) -> Iterator[IO[bytes]]:
    """The upload as an unnamed file: the child gets its descriptor and no path at all."""
    with tempfile.TemporaryFile() as file:
        if isinstance(data, bytes):
            file.write(data)
        else:
            data.seek(0)
            while chunk := data.read(1024 * 1024):
                file.write(chunk)
            data.seek(0)
        file.flush()
        file.seek(0)
        yield file


@contextmanager
def _child(file: IO[bytes], options: dict[str, Any]) -> Iterator[IO[bytes]]:
    """The reader's output. Raises Invalid when it ended by a signal or an error of its own."""
    command = [sys.executable, "-P", "-s", "-m", "app.domain.imports.reading", json.dumps(options)]
    with tempfile.TemporaryFile() as complaints, tempfile.TemporaryDirectory() as nowhere:
        process = subprocess.Popen(
            command, stdin=file, stdout=subprocess.PIPE, stderr=complaints, env=ENVIRONMENT, cwd=nowhere
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
            complaints.seek(0)
            log.warning(
                "an upload stopped its reader (%s): %s", code, complaints.read()[-2000:].decode("utf-8", "replace")
            )
            raise Invalid(GONE.format(f"signal {-code}" if code < 0 else f"status {code}"), field="file")
