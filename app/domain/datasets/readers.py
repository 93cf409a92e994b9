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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from app.core import strict_json
from app.core.errors import Invalid, TooLarge
from app.domain.datasets.reading import limits
from app.domain.datasets.reading.kinds import FORMATS
from app.domain.pairs import messages
from app.domain.pairs.messages import Content

ROOT = Path(__file__).resolve().parents[3]
HEAD_ROWS = 1000
MAX_LINE = 8 * limits.MAX_ROW
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "OMP_NUM_THREADS": "1",
    "LC_ALL": "C.UTF-8",
}
GONE = "The file could not be read: it stopped the reader ({}). It is damaged, or asks for too much; save it anew."
log = logging.getLogger(__name__)


def read(
    data: bytes | IO[bytes], form: str, *, filename: str, source: str, licence: str, head: int | None = None
) -> list[Content]:
    """One content per row, or of the first `head` rows. Raises Invalid that names the first bad rows, or TooLarge."""
    if form not in FORMATS:
        raise Invalid(f"The format is one of {', '.join(FORMATS)}.", field="format")
    options = {"format": form, "filename": filename[-200:], "source": source, "licence": licence, "head": head or 0}
    contents: list[Content] = []
    errors: list[tuple[int, dict[str, Any]]] = []
    ended = False
    with _on_disk(data) as file, _child(file, options) as output:
        while line := output.readline(MAX_LINE):
            said = _said(line)
            if "refused" in said:
                raise (TooLarge if said.get("status") == 413 else Invalid)(str(said["refused"]), field="file")
            if len(contents) > limits.MAX_ROWS:
                raise TooLarge("The file has too many rows; split it.", field="file")
            if "content" in said:
                contents.append(messages.parse(said["content"]))
            elif "error" in said:
                errors.append((int(said["row"]), said))
            ended = "end" in said
    if not ended:
        raise Invalid(GONE.format("no end"), field="file")
    if errors:
        raise _rows_wrong(errors)
    if not contents:
        raise Invalid("The file holds no rows.", field="file")
    return contents


def _said(line: bytes) -> dict[str, Any]:
    """The child may have been taken over by the file: it is believed no more than the file itself."""
    said = strict_json.loads(line)
    if not isinstance(said, dict):
        raise Invalid(GONE.format("it said something else"), field="file")
    return said


def _rows_wrong(errors: list[tuple[int, dict[str, Any]]]) -> Invalid:
    lines = [f"Row {number}: {said['error']}" for number, said in errors[: limits.MAX_ERRORS]]
    if len(lines) == 1:
        return Invalid(lines[0], field=errors[0][1].get("field"))
    count = f"{len(lines)} rows" if len(lines) < limits.MAX_ERRORS else f"{len(lines)} rows or more"
    return Invalid("\n".join([f"{count} are wrong; nothing was imported.", *lines]), field="file")


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
    command = [sys.executable, "-P", "-s", "-m", "app.domain.datasets.reading", json.dumps(options)]
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
