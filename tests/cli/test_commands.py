"""The commands as a person types them, each in a process of its own, on a fresh data folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from app.cli import supervisor

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "app.cli.main"]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PRECEPTOR_DATA_DIR": str(folder / "data"), "PYTHONUNBUFFERED": "1"}


def preceptor(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, env=environment(folder), text=True, capture_output=True, check=False
    )


def test_an_account_and_its_token(tmp_path: Path) -> None:
    assert preceptor(tmp_path, "migrate").returncode == 0
    added = preceptor(tmp_path, "user", "add", "erin@example.org", "--name", "Erin", "--admin")
    assert re.fullmatch(r"http://\S+/sign-in/\S{40,}", added.stdout.strip())
    token = preceptor(tmp_path, "token", "create", "--user", "erin@example.org", "--days", "2")
    assert re.fullmatch(r"prc_\S{40,}", token.stdout.splitlines()[-1])


def test_a_mistake_is_one_line_and_not_a_traceback(tmp_path: Path) -> None:
    preceptor(tmp_path, "migrate")
    refused = preceptor(tmp_path, "token", "create", "--user", "nobody@example.org")
    assert refused.returncode == 1
    assert len(refused.stderr.strip().splitlines()) == 1 and "preceptor user add" in refused.stderr


def test_the_doctor_says_what_is_missing(tmp_path: Path) -> None:
    before = preceptor(tmp_path, "doctor", "--database")
    assert before.returncode == 1 and "preceptor migrate" in before.stdout
    preceptor(tmp_path, "migrate")
    assert preceptor(tmp_path, "doctor", "--database").returncode == 0


class Running:
    """`preceptor up` without trainer and demo."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{supervisor.free_port()}"
        port = self.url.rsplit(":", 1)[1]
        self.out = folder / f"up-{port}.out"
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [*COMMAND, "up", "--port", port, "--no-trainer", "--no-demo"], cwd=ROOT, env=environment(folder),
                stdout=out, stderr=out,
            )  # fmt: skip
        wait(lambda: "to stop" in self.out.read_text() or self.process.poll() is not None)

    def children(self) -> list[int]:
        return [int(p) for p in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()]

    def links(self) -> list[str]:
        return re.findall(r"http://\S+/sign-in/\S+", self.out.read_text())


def wait(condition: object, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def gone(pid: int) -> bool:
    """Ended, or a zombie that nobody has collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture
def linux() -> None:
    if not Path("/proc/self/task").exists():
        pytest.skip("reads /proc")


@pytest.mark.slow
def test_up_serves_prints_links_and_stops(tmp_path: Path, linux: None) -> None:
    running = Running(tmp_path)
    try:
        assert httpx.get(f"{running.url}/healthz", trust_env=False).status_code == 200
        assert len(running.links()) == 3
        assert httpx.get(running.links()[0], trust_env=False).status_code == 200
        children = running.children()
        assert len(children) == 2
    finally:
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(20) == 0
    assert all(gone(pid) for pid in children)
    again = Running(tmp_path)
    try:
        assert len(again.links()) == 3 and not set(again.links()) & set(running.links())
    finally:
        again.process.send_signal(signal.SIGINT)
        again.process.wait(20)


def test_a_child_that_dies_is_started_again(started_before: Path, linux: None) -> None:
    running = Running(started_before)
    try:
        victim = running.children()[0]
        os.kill(victim, signal.SIGKILL)
        wait(lambda: len(running.children()) == 2 and victim not in running.children())
        wait(lambda: _answers(running.url))
        assert "restarting" in running.out.read_text()
    finally:
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(20)


def test_the_children_die_with_their_parent(started_before: Path, linux: None) -> None:
    running = Running(started_before)
    children = running.children()
    running.process.kill()
    running.process.wait(20)
    wait(lambda: all(gone(pid) for pid in children))


def test_a_port_that_is_taken_is_said_in_words(started_before: Path) -> None:
    running = Running(started_before)
    try:
        second = preceptor(started_before / "b", "up", "--port", running.url.rsplit(":", 1)[1], "--no-trainer")
        assert second.returncode == 1 and "--port" in second.stderr
    finally:
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
