"""The supervisor against a small real server: a job to its end, an unavailable application, cancel, a lost lease."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.trainer.conftest import rows
from trainer.worker import supervisor
from trainer.worker.subprocess import clean_environment


class FakeApplication(ThreadingHTTPServer):
    """Serves one job and records the calls. `refusals` maps a path to the statuses to answer first."""

    def __init__(self, work: dict[str, Any], files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.work, self.files = work, files
        self.claimed = self.cancel = False
        self.refusals: dict[str, list[int]] = {}
        self.events: dict[int, dict[str, Any]] = {}
        self.artifacts: dict[str, str] = {}
        self.finished: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: FakeApplication

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        self._reply(200, self.server.files[urlsplit(self.path).path.rpartition("/")[2]])

    def do_PUT(self) -> None:
        where = urlsplit(self.path)
        body = self._body()
        digest = hashlib.sha256(body).hexdigest()
        assert where.path.endswith(digest)
        self.server.artifacts[parse_qs(where.query)["name"][0]] = digest
        self._reply(200, b"{}")

    def do_POST(self) -> None:
        name = self.path.rpartition("/")[2]
        body = json.loads(self._body())
        if waiting := self.server.refusals.get(name):
            self._reply(waiting.pop(0), b"{}")
        else:
            self._reply(*getattr(self, f"_{name}")(body))

    def _claim(self, _: Any) -> tuple[int, bytes]:
        if self.server.claimed:
            return 204, b""
        self.server.claimed = True
        claim = {"job": "j", "token": 7, "subject": "r1", "attempt": 1, "lease_seconds": 2}
        claim["work"] = self.server.work
        return 200, json.dumps(claim).encode()

    def _heartbeat(self, _: Any) -> tuple[int, bytes]:
        return 200, json.dumps({"cancel": self.server.cancel}).encode()

    def _events(self, body: Any) -> tuple[int, bytes]:
        self.server.events.update({event["seq"]: event for event in body["events"]})
        return 200, b"{}"

    def _finish(self, body: Any) -> tuple[int, bytes]:
        self.server.finished.append(body)
        return 200, b"{}"

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def application(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., FakeApplication]]:
    servers: list[FakeApplication] = []
    monkeypatch.setattr(supervisor, "POLL_SECONDS", 0.1)
    monkeypatch.setenv("PRECEPTOR_TRAINER_DIR", str(tmp_path / "work"))
    monkeypatch.setenv("PRECEPTOR_WORKER_TOKEN", "secret")

    def make(**recipe: Any) -> FakeApplication:
        files: dict[str, bytes] = {}
        work: dict[str, Any] = {
            "kind": "train",
            "recipe": {"base_model": str(tiny_base), **recipe},
            "output_dir": "ignored",
        }
        for name, count in (("train", 24), ("validation", 6), ("test", 6)):
            content = "".join(json.dumps(row) + "\n" for row in rows(count, name)).encode()
            digest = hashlib.sha256(content).hexdigest()
            files[digest], work[name] = content, {"sha256": digest}
        server = FakeApplication(work, files)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PRECEPTOR_URL", server.url)
        return server

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def test_job_completes_despite_server_errors(application: Callable[..., FakeApplication]) -> None:
    server = application(epochs=1, batch_tokens=64, max_new_tokens=4)
    server.refusals = {"events": [503, 500], "heartbeat": [502], "finish": [503]}
    assert supervisor.work(once=True, stop=threading.Event()) == 0
    [finish] = server.finished
    assert (finish["outcome"], finish["report"]["n"], len(finish["answers"])) == ("done", 6, 6)
    assert {item["name"]: item["sha256"] for item in finish["artifacts"]} == server.artifacts
    assert "model/model.safetensors" in server.artifacts
    assert (finish["recipe"]["epochs"], finish["recipe"]["evaluations"]) == (1, 8)
    assert sorted(server.events) == list(range(1, len(server.events) + 1))
    assert not list(supervisor.home().rglob("checkpoints"))


def test_cancel_stops_the_child(application: Callable[..., FakeApplication]) -> None:
    server = application(epochs=1000, batch_tokens=64, early_stopping=None)
    server.cancel = True
    supervisor.work(once=True, stop=threading.Event())
    assert [item["outcome"] for item in server.finished] == ["cancelled"]


def test_lost_lease_sends_no_finish(application: Callable[..., FakeApplication]) -> None:
    server = application(epochs=1000, batch_tokens=64, early_stopping=None)
    server.refusals = {"heartbeat": [409]}
    supervisor.work(once=True, stop=threading.Event())
    assert server.finished == []


def test_child_gets_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEPTOR_WORKER_TOKEN", "secret")
    monkeypatch.setenv("PRECEPTOR_SECRET_KEY_FILE", "/key")
    monkeypatch.setenv("PRECEPTOR_DATABASE_URL", "postgresql://u:p@h/d")
    assert not {"PRECEPTOR_WORKER_TOKEN", "PRECEPTOR_SECRET_KEY_FILE", "PRECEPTOR_DATABASE_URL"} & set(
        clean_environment()
    )
