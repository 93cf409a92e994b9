"""Work spread over child processes: in order, none lost with a child, no child left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.core.process import pool
from tests.core.process.test_parent_death import ended

ROOT = Path(__file__).resolve().parents[3]
STARTS = """
import time
from app.core.process import pool
from tests.core.process.test_pool import here
for pid in pool.over(here, range(100), 2):
    print(pid, flush=True)
    time.sleep(0.2)
"""


def squared(number: int) -> int:
    return number * number


def here(piece: int) -> int:
    return os.getpid()


def dies_elsewhere(parent: int) -> int:
    """The process that is told its own id goes on; any other ends at once."""
    if os.getpid() != parent:
        os._exit(3)
    return parent


def fails(piece: int) -> int:
    raise LookupError(f"nothing is at {piece}")


def environment(piece: int) -> dict[str, str]:
    return dict(os.environ)


@pytest.mark.parametrize("children", [1, 3])
def test_results_come_in_the_order_of_the_pieces(children: int) -> None:
    assert list(pool.over(squared, range(40), children)) == [number**2 for number in range(40)]


def test_several_children_do_it_and_one_would_not_be_started() -> None:
    assert os.getpid() not in set(pool.over(here, range(20), 2))
    assert set(pool.over(here, range(3), 1)) == {os.getpid()}


def test_what_a_child_held_when_it_died_is_done_here() -> None:
    me = os.getpid()
    assert list(pool.over(dies_elsewhere, [me] * 9, 2)) == [me] * 9


def test_an_error_of_the_work_is_raised_here() -> None:
    with pytest.raises(LookupError, match="nothing is at 0"):
        list(pool.over(fails, range(9), 2))


def test_children_are_told_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEPTOR_SECRET_KEY", "of nobody else")
    (told,) = pool.over(environment, [0], 2)
    assert "of nobody else" not in told.values() and "PRECEPTOR_SECRET_KEY" not in told


def test_whoever_stops_asking_leaves_no_child() -> None:
    answers = pool.over(here, range(1000), 2)
    pids = {next(answers) for _ in range(6)}
    answers.close()  # type: ignore[attr-defined]
    assert all(ended(pid) for pid in pids)


def test_children_end_with_a_parent_that_is_killed() -> None:
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


def test_where_no_process_can_be_started_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool.sys, "executable", str(ROOT / "no-such-program"))
    assert set(pool.over(here, range(5), 2)) == {os.getpid()}
