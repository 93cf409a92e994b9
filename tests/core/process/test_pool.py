"""Work done by child processes: results in order, none lost with a child, no child left behind."""

from __future__ import annotations

import multiprocessing.spawn
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.core import process
from tests.core.process.test_parent_death import ended

ROOT = Path(__file__).resolve().parents[3]
STARTS = """
import time
from app.core import process
from tests.core.process.test_pool import process_id
for pid in process.map_ordered(process_id, range(100), 2):
    print(pid, flush=True)
    time.sleep(0.2)
"""


def squared(number: int) -> int:
    return number * number


def process_id(piece: int) -> int:
    return os.getpid()


def dies_elsewhere(parent: int) -> int:
    """Return the id of this process; end any other process at once."""
    if os.getpid() != parent:
        os._exit(3)
    return parent


def fails(piece: int) -> int:
    raise LookupError(f"nothing is at {piece}")


def environment(piece: int) -> dict[str, str]:
    return dict(os.environ)


@pytest.mark.parametrize("children", [1, 3])
def test_results_keep_the_order_of_pieces(children: int) -> None:
    assert list(process.map_ordered(squared, range(40), children)) == [number**2 for number in range(40)]


def test_one_child_is_never_started() -> None:
    assert os.getpid() not in set(process.map_ordered(process_id, range(20), 2))
    assert set(process.map_ordered(process_id, range(3), 1)) == {os.getpid()}


def test_parent_does_the_work_of_dead_child() -> None:
    me = os.getpid()
    assert list(process.map_ordered(dies_elsewhere, [me] * 9, 2)) == [me] * 9


def test_error_of_work_is_raised() -> None:
    with pytest.raises(LookupError, match="nothing is at 0"):
        list(process.map_ordered(fails, range(9), 2))


def test_children_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEPTOR_SECRET_KEY", "of nobody else")
    (variables,) = process.map_ordered(environment, [0], 2)
    assert "of nobody else" not in variables.values() and "PRECEPTOR_SECRET_KEY" not in variables


def test_closed_iterator_leaves_no_child() -> None:
    answers = process.map_ordered(process_id, range(1000), 2)
    pids = {next(answers) for _ in range(6)}
    answers.close()  # type: ignore[attr-defined]
    assert all(ended(pid) for pid in pids)


def test_children_end_with_killed_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", STARTS], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    children = {int(parent.stdout.readline()) for _ in range(4)}
    assert parent.pid not in children and not any(ended(pid) for pid in children)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    deadline = time.monotonic() + 30
    while not all(ended(pid) for pid in children):
        assert time.monotonic() < deadline, "a child outlived its parent"
        time.sleep(0.05)


def test_parent_works_where_no_child_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", os.fsencode(ROOT / "no-such-program"))
    assert set(process.map_ordered(process_id, range(5), 2)) == {os.getpid()}
