"""The default start is reachable from this machine and from nowhere else."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.cli.test_commands import Running


@pytest.mark.assurance
def test_up_listens_once_and_only_on_loopback(started_before: Path, tally: Callable[[str, int], None]) -> None:
    """All processes that `preceptor up` started, the web process's port and no other."""
    running = Running(started_before)
    try:
        family = [psutil.Process(running.process.pid)]
        family += family[0].children(recursive=True)
        sockets = [one for process in family for one in process.net_connections("inet") if one.status == "LISTEN"]
    finally:
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(20)
    assert {one.laddr.ip for one in sockets} == {"127.0.0.1"}
    assert {one.laddr.port for one in sockets} == {int(running.url.rsplit(":", 1)[1])}
    tally("listening processes examined", len(family))
