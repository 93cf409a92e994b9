"""A whole installation for a journey: real web, jobs and trainer processes on a data folder of their own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from app.cli import services
from app.cli.installation import migrate
from app.cli.processes import free_port, wait_until_free
from app.core.database import Database
from app.domain.accounts import actions as accounts
from app.domain.accounts import queries as account_queries
from app.domain.signin import actions as signin
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = {"carol": True, "alice": False, "bob": False}


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """What `condition` returns once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except httpx.TransportError:
            pass
        time.sleep(0.25)
    raise AssertionError(f"{what} did not happen within {seconds} seconds")


class Stack:
    """Starts, kills and restarts the three services; makes the people and speaks for them."""

    def __init__(self, folder: Path, database_url: str = "") -> None:
        self.folder = folder
        self.port = port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.settings = Settings(data_dir=folder, url=self.url, database_url=database_url)
        self.environment = {
            **services.app_environment(self.settings, self.url),
            "HF_HUB_OFFLINE": "1",
            "PRECEPTOR_DATABASE_URL": self.settings.resolved_database_url,
            "PRECEPTOR_LEASE_SECONDS": "4",
        }
        python = sys.executable
        self.commands = {
            "web": services.web_command("127.0.0.1", port),
            "jobs": [python, "-m", "app.cli.main", "jobs"],
            "trainer": [python, "-m", "trainer", "work"],
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.tokens = self._people()

    def _people(self) -> dict[str, str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        database = Database(self.settings.resolved_database_url)
        migrate(database)
        with database.session() as session:
            users = {
                name: accounts.create_user(session, email=f"{name}@example.org", name=name.title(), is_admin=admin)
                for name, admin in PEOPLE.items()
            }
            tokens = {name: accounts.issue_token(session, user=user) for name, user in users.items()}
            worker = accounts.issue_token(session, user=users["carol"], scope="worker")
        database.dispose()
        self.environment["PRECEPTOR_WORKER_TOKEN"] = worker
        return tokens

    def sign_in_link(self, name: str) -> str:
        database = Database(self.settings.resolved_database_url)
        with database.session() as session:
            user = account_queries.user_by_email(session, f"{name}@example.org")
            assert user is not None
            raw = signin.create_sign_in_link(session, user=user)
        database.dispose()
        return f"{self.url}/sign-in/{raw}"

    def start(self, *names: str) -> None:
        if "web" in names:
            wait_until_free("127.0.0.1", self.port)
        for name in names:
            log = (self.folder / f"{name}.log").open("ab")
            self.processes[name] = subprocess.Popen(
                self.commands[name], cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        if "web" in names:
            wait_for(lambda: httpx.get(f"{self.url}/healthz").status_code == 200, 60, "the web process to answer")

    def kill(self, name: str) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()

    def call(self, who: str, method: str, path: str, expected: int = 200, **kwargs: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[who]}", **kwargs.pop("headers", {})}
        response = httpx.request(method, f"{self.url}/api/v1{path}", headers=headers, timeout=60, **kwargs)
        assert response.status_code == expected, (method, path, response.status_code, response.text[:500])
        return response.json() if response.content else None

    def finished(self, path: str, seconds: float) -> Any:
        """The job or run at `path`, once it has ended well."""

        def ended() -> Any:
            found = self.call("carol", "GET", path)
            assert found["state"] not in ("failed", "cancelled"), found
            return found if found["state"] == "done" else None

        return wait_for(ended, seconds, f"the end of {path}")
