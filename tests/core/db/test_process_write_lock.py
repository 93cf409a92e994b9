"""Several processes that write one file: each gets its turn, and none keeps it beyond its death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy.exc import TimeoutError as TookTooLong

from app.core.db.process_write_lock import ProcessWriteLock

BUSY = """
import sys, time
from pathlib import Path
from app.core.db.process_write_lock import ProcessWriteLock

gate, turns, end = ProcessWriteLock(Path(sys.argv[1]), 30), 0, time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    gate.enter()
    time.sleep(0.01)
    gate.leave()
    turns += 1
print(turns)
"""


def busy(database: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUSY, str(database), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_three_busy_processes_take_turns(tmp_path: Path) -> None:
    """Each leaves the file and wants it again at once; without a line one of them would have nearly all the turns."""
    processes = [busy(tmp_path / "db", 4) for _ in range(3)]
    turns = sorted(int(one.communicate(timeout=30)[0]) for one in processes)
    assert turns[0] > 10 and turns[0] * 3 > turns[-1], turns


def test_a_turn_ends_with_its_process(tmp_path: Path) -> None:
    process, gate = busy(tmp_path / "db", 60), ProcessWriteLock(tmp_path / "db", 10)
    while not (tmp_path / "db-turn").exists():
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    gate.enter()
    gate.leave()


def test_who_waits_too_long_is_told_and_leaves_the_line(tmp_path: Path) -> None:
    first, second, third = (ProcessWriteLock(tmp_path / "db", patience) for patience in (1, 0.05, 1))
    first.enter()
    with pytest.raises(TookTooLong):
        second.enter()
    first.leave()
    third.enter()
    third.leave()
    for gate in (first, second, third):
        gate.close()


def test_the_files_are_for_us_alone(tmp_path: Path) -> None:
    gate = ProcessWriteLock(tmp_path / "db", 1)
    gate.enter()
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "db-line": 0o600,
        "db-turn": 0o600,
    }
