"""kill -9 of the trainer in mid-run, then of the web process: the run resumes and finishes once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.processes import Stack, wait_for
from tests.journeys import steps


def progress(stack: Stack, run: str) -> int:
    latest = stack.call("carol", "GET", f"/runs/{run}")["latest"]
    return int(latest["step"]) if latest else 0


def children_of(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


@pytest.mark.slow
def test_kills_do_not_lose_runs(stack: Stack) -> None:
    steps.open_project(stack)
    steps.import_approved(stack)
    run = steps.start_run(stack, steps.freeze(stack), epochs=60, max_minutes=0.6, early_stopping=None)["id"]
    wait_for(lambda: progress(stack, run) > 5, 120, "the first steps")
    trainer = stack.processes["trainer"].pid
    children = children_of(trainer)
    stack.kill("trainer")
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), 10, "the death of its child")
    stack.start("trainer")
    wait_for(lambda: stack.call("carol", "GET", f"/runs/{run}")["attempt"] == 2, 60, "the second attempt")
    stack.kill("web")
    stack.start("web")
    stack.finished(f"/runs/{run}", 240)
    events = stack.call("carol", "GET", f"/audit?subject={run}")["items"]
    assert [event["action"] for event in events].count("run.done") == 1
    assert stack.call("carol", "GET", f"/runs/{run}/report")["n"] > 0
