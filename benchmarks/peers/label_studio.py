"""How fast is Label Studio's labelling, on this machine and with as many clients as the reviewing desk?

    python -m benchmarks.peers.label_studio [--tasks 2000] [--clients 16] [--seconds 20] [--json OUT]

Installs it into a temporary virtual environment (--environment FOLDER keeps one and uses it again) and measures it as
its documentation describes three installations, on loopback:

- `label-studio start` on SQLite, what its guide starts with; this is Django's server for development, with threads;
- uWSGI on SQLite, with the settings and the two processes a core of its `deploy/uwsgi.ini`;
- uWSGI on PostgreSQL, as its docker-compose.yml, without nginx; PostgreSQL as it comes, every commit on disk. It asks
  for the extension pg_trgm, so PG_BIN names the binaries of a PostgreSQL that has it; left out where there is none.

A round is the next task of a project, locked for who asked, and one annotation with one choice. Each client is a
person of its own. Import is one request with all tasks. Telemetry and looking for newer versions are off. Needs a
network or a package index for the installation only.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import NullPool, create_engine, text

from benchmarks.clients import Client, Reviews, review_together
from benchmarks.soak import rows
from tests.fixtures import postgres
from tests.fixtures.processes import free_port, wait_for

VERSION = "1.23.2"
SERVERS = {"SQLite": ("label-studio start", "uWSGI"), "PostgreSQL": ("uWSGI",)}
"""What answers in front of each database."""
PROCESSES, LOADED, WARM_UP = 2 * (os.cpu_count() or 1), "WSGI app 0 ", 5.0
"""Of uWSGI; what it logs once for each that has loaded the application; seconds of rounds that are not counted."""
QUIET = {"SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "", "COLLECT_ANALYTICS": "false", "LATEST_VERSION_CHECK": "false"}
CONFIG = """<View>
  <Text name="prompt" value="$prompt"/>
  <Text name="completion" value="$completion"/>
  <Choices name="decision" toName="completion" choice="single">
    <Choice value="accept"/><Choice value="return"/><Choice value="reject"/>
  </Choices>
</View>"""
CHOICE = {"from_name": "decision", "to_name": "completion", "type": "choices", "value": {"choices": ["accept"]}}
HIRE = """
from organizations.models import Organization
from rest_framework.authtoken.models import Token
from users.models import User
organization = Organization.objects.get()
for number, token in enumerate({tokens!r}):
    user = User.objects.create_user(email=f"annotator{{number}}@example.org", active_organization=organization)
    organization.add_user(user)
    Token.objects.filter(user=user).update(key=token)
"""
"""For its `manage.py shell`: people of the organization, each with a token."""


# --- installing ---


def install(folder: Path) -> None:
    """A virtual environment with Label Studio and its extra for uWSGI, unless the folder has this version already.
    SystemExit with pip's errors when it cannot be had."""
    done = folder / f"label-studio-{VERSION}"
    if done.exists():
        return
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--retries", "1", "--timeout", "20"]
    command = [str(part) for part in [*pip, "install", "--quiet", f"label-studio[uwsgi]=={VERSION}"]]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    if installed.returncode:
        errors = [line for line in installed.stderr.splitlines() if line.startswith("ERROR")]
        raise SystemExit(
            f"Label Studio {VERSION} could not be installed, so there is no peer to measure. "
            f"Is there a network or a package index?\n{chr(10).join(errors or installed.stderr.splitlines()[-5:])}"
        )
    done.touch()


class Installation:
    """A database with an owner and annotators, and servers in front of it, one at a time."""

    def __init__(self, python: Path, data: Path, annotators: int, database: dict[str, str]) -> None:
        data.mkdir()
        self.bin, self.data = python / "bin", data
        self.code = next(python.glob("lib/python*/site-packages/label_studio"))
        self.environment = {
            **QUIET, **database, "LABEL_STUDIO_BASE_DATA_DIR": str(data), "HOME": str(data),
            "PATH": os.environ.get("PATH", ""), "DJANGO_SETTINGS_MODULE": "core.settings.label_studio",
        }  # fmt: skip
        self.owner, self.annotators = secrets.token_hex(20), [secrets.token_hex(20) for _ in range(annotators)]
        self.run(
            self.bin / "label-studio", "init", "--quiet", "--enable-legacy-api-token", "--user-token", self.owner,
            "--username", "owner@example.org", "--password", secrets.token_hex(20),
        )  # fmt: skip
        self.run(self.bin / "python", "manage.py", "shell", "-c", HIRE.format(tokens=self.annotators))

    def run(self, *command: object) -> None:
        """To its end. SystemExit with what it printed when it fails."""
        words = [str(word) for word in command]
        done = subprocess.run(
            words, env=self.environment, cwd=self.code, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise SystemExit(f"Label Studio's {Path(words[0]).name} failed:\n{done.stderr[-2000:]}")

    def command(self, server: str, port: int) -> list[str]:
        if server != "uWSGI":
            return [
                str(self.bin / "label-studio"), "start", "--no-browser", "--internal-host", "127.0.0.1",
                "--port", str(port),
            ]  # fmt: skip
        return [
            str(self.bin / "uwsgi"), "--http", f"127.0.0.1:{port}", "--http-keepalive", "--http-timeout", "300",
            "--module", "core.wsgi:application", "--env", "APP_WEBSERVER=uwsgi", "--need-app", "--master",
            "--processes", str(PROCESSES), "--threads", "1", "--enable-threads", "--lazy-apps",
            "--single-interpreter", "--thunder-lock", "--buffer-size", "65535", "--post-buffering", "4096",
            "--harakiri", "120", "--max-requests", "5000", "--die-on-term", "--no-orphans", "--disable-logging",
        ]  # fmt: skip

    @contextmanager
    def serve(self, server: str) -> Iterator[str]:
        """Its address. SystemExit with the end of its log when it does not come up."""
        url, log = f"http://127.0.0.1:{(port := free_port())}", self.data / "server.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                self.command(server, port), env=self.environment, cwd=self.code, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        try:
            try:
                wait_for(lambda: httpx.get(f"{url}/health").status_code == 200, 120, "an answer")
                wait_for(lambda: server != "uWSGI" or log.read_text().count(LOADED) == PROCESSES, 120, "every process")
            except AssertionError:
                raise SystemExit(f"Label Studio did not start:\n{log.read_text(errors='replace')[-2000:]}") from None
            yield url
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


# --- measuring ---


def label(url: str, token: str, project: int, seconds: float) -> Reviews:
    """Next task and one annotation until the time is over or there are no tasks; 599 is a connection that broke."""
    client, done, took, statuses = Client(f"{url}/api", token, "Token"), [], [], Counter[int]()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            status, task, first = client.ask("GET", f"/projects/{project}/next")
            statuses[status] += 1
            if status == 404:
                break
            if status != 200:
                continue
            annotation = {"result": [CHOICE], "lead_time": 1.0}
            status, _, second = client.ask("POST", f"/tasks/{task['id']}/annotations", annotation)
            statuses[status] += 1
        except (OSError, http.client.HTTPException, ValueError):
            statuses[599] += 1
            client.connection.close()
            continue
        if status == 201:
            done.append(task["id"])
            took.append(first + second)
    return done, took, statuses


def fill(url: str, token: str, count: int) -> tuple[int, dict[str, float]]:
    """A project with `count` tasks of the texts that our own desks are measured with."""
    client = Client(f"{url}/api", token, "Token")
    status, project, _ = client.ask("POST", "/projects", {"title": "Desk", "label_config": CONFIG})
    assert status == 201, project
    tasks = [{"data": json.loads(row)} for row in rows(count, seed=count)]
    status, answer, took = client.ask("POST", f"/projects/{project['id']}/import", tasks)
    assert (status, answer["task_count"]) == (201, count), answer
    return project["id"], {
        "rows": count,
        "seconds": round(took / 1000, 1),
        "rows_per_second": round(count / took * 1000),
    }


def serve_and_measure(installation: Installation, server: str, tasks: int, seconds: float) -> dict[str, Any]:
    with installation.serve(server) as url:
        project, imported = fill(url, installation.owner, tasks)
        for duration in (WARM_UP, seconds):
            found = review_together(label, [(url, token, project, duration) for token in installation.annotators])
    failed = sum(count for status, count in found["statuses"].items() if status >= 400 and status != 404)
    return {"import": imported, **found, "errors": failed}


@contextmanager
def settings_of(database: str) -> Iterator[dict[str, str] | None]:
    """Label Studio's settings for the database; none where there is no PostgreSQL with what it needs."""
    if database == "SQLite":
        yield {"DJANGO_DB": "sqlite"}
    elif postgres.binaries() is None:
        yield None
    else:
        with postgres.server(postgres.DURABLE) as running:
            engine = create_engine(running.url.format(database="postgres"), poolclass=NullPool)
            with engine.connect() as connection:
                found = connection.scalar(text("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'"))
            yield {"DJANGO_DB": "default", "POSTGRE_HOST": str(running.folder)} if found else None


def measure(tasks: int, clients: int, seconds: float, environment: Path | None = None) -> dict[str, Any]:
    """Every way of serving it, and which one was the fastest."""
    found: dict[str, Any] = {}
    made = nullcontext(environment) if environment else tempfile.TemporaryDirectory(prefix="peer-environment-")
    with made as folder, tempfile.TemporaryDirectory(prefix="peer-data-") as data:
        install(python := Path(folder).resolve())
        for database, servers in SERVERS.items():
            with settings_of(database) as settings:
                if settings is None:
                    print(f"Left out: {database}, which was not found with pg_trgm; set PG_BIN.", file=sys.stderr)
                    continue
                installation = Installation(python, Path(data) / database, clients, settings)
                for server in servers:
                    found[f"{server}, {database}"] = serve_and_measure(installation, server, tasks, seconds)
    fastest = max(found, key=lambda name: found[name]["reviews_per_second"])
    return {"product": "Label Studio", "version": VERSION, "fastest": fastest, "servers": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=2_000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--environment", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = measure(options.tasks, options.clients, options.seconds, options.environment)
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
