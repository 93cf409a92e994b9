"""The three processes of an installation and the environment that each may see."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from app.settings import Settings

OURS = ("PRECEPTOR_", "PG")
TRAINERS_OWN = ("PRECEPTOR_TRAINER_", "PRECEPTOR_ALLOW_HUB")


def web_command(host: str, port: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "uvicorn",
        "app.main:create_app",
        "--factory",
        "--host",
        host,
        "--port",
        str(port),
        "--no-server-header",
        "--timeout-graceful-shutdown",
        "3",
    ]


def jobs_command() -> list[str]:
    return [sys.executable, "-m", "app.cli.main", "jobs"]


def trainer_command() -> list[str]:
    return [sys.executable, "-m", "trainer", "work"]


def app_environment(settings: Settings, url: str) -> dict[str, str]:
    """For web and jobs: ours, with the data folder as an absolute path."""
    return {
        **os.environ,
        "PRECEPTOR_DATA_DIR": str(settings.data_dir.resolve()),
        "PRECEPTOR_URL": url,
        "PYTHONUNBUFFERED": "1",
    }


def trainer_environment(settings: Settings, url: str, token: str) -> dict[str, str]:
    """For the trainer: no database address, no secret key; only where the application is and the worker token."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(OURS) or name.startswith(TRAINERS_OWN)
    }
    return {
        **inherited,
        "PRECEPTOR_URL": url,
        "PRECEPTOR_WORKER_TOKEN": token,
        "PYTHONUNBUFFERED": "1",
        "PRECEPTOR_TRAINER_DIR": str(trainer_dir(settings)),
        "HF_HUB_OFFLINE": os.environ.get("HF_HUB_OFFLINE", "1"),
    }


def trainer_dir(settings: Settings) -> Path:
    return settings.data_dir.resolve() / "trainer"


def loopback(host: str, port: int) -> str:
    """The address under which processes of this machine reach the web process."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{reachable}:{port}"
