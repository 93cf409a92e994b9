"""A spawned process ends with its parent, however the parent ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SPAWNS = """
import multiprocessing, time

def child(started):
    from app.core.process import end_with_parent
    end_with_parent()
    started.set()
    time.sleep(600)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=child, args=(started,))
    process.start()
    started.wait()
    print(process.pid, flush=True)
    time.sleep(600)
"""


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_child_ends_with_its_parent(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("needs Linux")
    script = tmp_path / "spawns.py"
    script.write_text(SPAWNS)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert not ended(child)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    deadline = time.monotonic() + 30
    while not ended(child):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.05)
