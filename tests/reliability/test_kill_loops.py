"""Workers killed with -9, frozen past their lease, and with clocks that leap two days: each job is done once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOOP = [sys.executable, "-m", "tests.reliability.kill_loop"]


def run_loop(url: str, folder: Path, *options: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
    command = [*LOOP, url, "--refused", str(folder / "refused"), *options]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=240, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(outcome)
    return outcome


def assert_sound(outcome: dict[str, Any], jobs: int) -> None:
    assert outcome["states"] == {"done": jobs}, outcome
    assert (outcome["effects"], outcome["jobs_with_an_effect"]) == (jobs, jobs), outcome
    assert outcome["stale_accepted"] == 0, outcome
    assert outcome["integrity"] == "ok", outcome


@pytest.mark.assurance
@pytest.mark.slow
def test_every_job_is_done_once_whoever_is_killed_or_frozen(database_url: str, tmp_path: Path, tally: Any) -> None:
    outcome = run_loop(database_url, tmp_path, "--jobs", "300", "--workers", "6")
    assert_sound(outcome, 300)
    assert outcome["kills"] > 20 and outcome["stops"] > 10, outcome
    assert outcome["refused"] > 0, "no worker woke up late; the loop proves less than it says"
    tally("kills survived", outcome["kills"])
    tally("stops survived", outcome["stops"])
    tally("stale workers refused", outcome["refused"])


@pytest.mark.assurance
@pytest.mark.slow
def test_clocks_that_leap_two_days_corrupt_nothing(database_url: str, tmp_path: Path, tally: Any) -> None:
    """Wall clock and monotonic clock of every worker, each for itself."""
    outcome = run_loop(database_url, tmp_path, "--jobs", "100", "--workers", "4", "--clocks-jump")
    assert_sound(outcome, 100)
    tally("kills survived", outcome["kills"])
    tally("stops survived", outcome["stops"])
