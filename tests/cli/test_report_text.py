"""What the terminal shows, and the environment that the trainer sees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import report_text, services, supervisor
from app.settings import Settings

INTERVAL = {"value": 0.5, "low": 0.4, "high": 0.6}
REPORT = {
    "n": 100,
    "primary": "exact_match",
    "metrics": {
        "exact_match": {
            "base": {"value": 0.1, "low": 0.05, "high": 0.2},
            "tuned": INTERVAL,
            "delta": {"value": 0.4, "low": 0.3, "high": 0.5, "p": 0.0001},
        }
    },
    "references": {"majority": {"exact_match": INTERVAL}},
}


def test_the_headline_has_both_models_the_difference_and_its_interval() -> None:
    line = report_text.headline(REPORT)
    for part in ("100", "10.0%", "50.0%", "+40.0 points", "+30.0 to +50.0", "p < 0.001"):
        assert part in line


def test_the_table_names_the_references() -> None:
    assert any("majority" in line for line in report_text.table(REPORT))


@pytest.mark.parametrize(
    ("done", "total", "eta", "shown"), [(0, 0, None, "0%"), (5, 10, 61, "50%"), (20, 10, 1, "100%")]
)
def test_progress(done: float, total: float, eta: float | None, shown: str) -> None:
    assert shown in report_text.progress(done, total, eta)


def test_the_trainer_sees_no_database_and_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PRECEPTOR_DATABASE_URL", "PRECEPTOR_SECRET_KEY", "PRECEPTOR_STORAGE_URL", "PGPASSWORD"):
        monkeypatch.setenv(name, "secret-7f3a9c1e5b8d2046afbe93d17c5608ab")
    environment = services.trainer_environment(Settings(data_dir=tmp_path), "http://x", "token")
    assert not any("secret" in value for value in environment.values())
    assert environment["PRECEPTOR_WORKER_TOKEN"] == "token"


def test_a_peak_counts_the_whole_family() -> None:
    peak = supervisor.Peak()
    peak.sample()
    alone = peak.bytes
    assert alone > 10 * 2**20
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        peak.sample()
        child.terminate()
    assert peak.bytes > alone


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:80"), ("::1", "http://[::1]:80"), ("10.0.0.4", "http://10.0.0.4:80")],
)
def test_the_local_address(host: str, url: str) -> None:
    assert services.loopback(host, 80) == url
