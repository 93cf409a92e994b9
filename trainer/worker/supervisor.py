"""The supervisor: claims work, runs each attempt in a child process under its lease, uploads the results.

Knows the order of calls and what to do when a call fails; knows neither torch nor the kinds of work. The application
may be unavailable for minutes at any point: the child works on, and every call is repeated until it is answered.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from trainer.atomic import sha256_of, write_text
from trainer.errors import EXIT_STOPPED
from trainer.event_log import read_events
from trainer.protocol import (
    Answer,
    Artifact,
    Claim,
    DataFile,
    Event,
    Finish,
    Heartbeat,
    Outcome,
    Report,
    ResolvedRecipe,
)
from trainer.worker.client import AppClient, LeaseLost, RequestRefused, Unavailable
from trainer.worker.subprocess import Child

log = logging.getLogger(__name__)
Result = TypeVar("Result")

IDLE_SECONDS = 2.0
POLL_SECONDS = 1.0
MAX_WAIT = 30.0
RESULT_FILES = ("trainer.log", "history.json", "report.json", "answers.jsonl", "recipe.json")
RESULT_FOLDERS = ("model", "adapter")


def work(once: bool, stop: threading.Event) -> int:
    """Claim and execute until stopped. Return the exit code: 0 after a stop (`once`: one job), 2 if not set up."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s trainer: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    url, token = os.environ.get("PRECEPTOR_URL"), os.environ.get("PRECEPTOR_WORKER_TOKEN")
    if not url or not token:
        log.error("set PRECEPTOR_URL and PRECEPTOR_WORKER_TOKEN; an admin creates the token")
        return 2
    application, name = AppClient(url, token), f"{socket.gethostname()}-{os.getpid()}"
    wait = IDLE_SECONDS
    while not stop.is_set():
        try:
            claim, wait = application.claim(name), IDLE_SECONDS
        except (Unavailable, RequestRefused, LeaseLost) as error:
            log.warning("no claim: %s", error)
            claim, wait = None, min(MAX_WAIT, wait * 2)
        if claim is not None:
            Attempt(application, claim, stop).execute()
        if once:
            return 0
        if claim is None:
            stop.wait(wait)
    return 0


def home() -> Path:
    """Return the parent of the work folders. An attempt reuses the folder of the last one, to find its checkpoint."""
    folder = os.environ.get("PRECEPTOR_TRAINER_DIR")
    return Path(folder) if folder else Path(os.environ.get("PRECEPTOR_DATA_DIR", "data")) / "trainer"


class Interrupted(Exception):
    """The supervisor was asked to stop."""


class Attempt:
    """One claimed job, from download to finish."""

    def __init__(self, application: AppClient, claim: Claim, stop: threading.Event) -> None:
        self.application, self.claim, self.stop = application, claim, stop
        self.name = f"{claim.work.kind} {claim.subject}"
        self.folder = (home() / claim.subject.replace("/", "_")).resolve()
        self.out = self.folder / "out"
        self.sent = 0
        self.cancelled = False
        self._last_beat = 0.0
        self._quiet_until = 0.0
        self._latest: Event | None = None

    def execute(self) -> None:
        log.info("%s, attempt %s", self.name, self.claim.attempt)
        try:
            self._execute()
        except LeaseLost:
            log.warning("%s: the lease is gone; another worker takes the job", self.name)
        except Interrupted:
            log.info("%s: stopped after a checkpoint", self.name)
        except RequestRefused as error:
            log.error("%s: %s", self.name, error)
            with suppress(RequestRefused, LeaseLost):
                self._finish("failed", reason="crash", error=str(error))

    def _execute(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        child = Child(self._write_spec(), self.out)
        try:
            self._watch(child)
        finally:
            child.kill()
        self._retry(self._send_events)
        if self.cancelled:
            self._finish("cancelled")
        elif child.exit_code == 0:
            self._upload_results()
        elif child.exit_code == EXIT_STOPPED:
            self._finish("failed", reason="worker_lost", error="the machine stopped the training process")
        else:
            reason, error = child.failure()
            self._finish("failed", reason=reason, error=error)

    def _write_spec(self) -> Path:
        """Fetch the files of the claim's work and write it with their paths and our output folder."""
        work = self.claim.work
        files = {name: self._fetch(name, file) for name, file in work if isinstance(file, DataFile)}
        local = work.model_copy(update={**files, "output_dir": str(self.out)})
        write_text(self.out / "recipe.json", local.model_dump_json(indent=1) + "\n")
        return self.out / "recipe.json"

    def _fetch(self, name: str, file: DataFile) -> DataFile:
        if file.sha256 is None:
            raise RequestRefused(f"the claim has no hash of the {name} split")
        path = self.folder / f"{name}-{file.sha256[:16]}.jsonl"
        if not path.exists() or sha256_of(path) != file.sha256:
            self._retry(partial(self.application.download, self.claim, file.sha256, path))
        return DataFile(path=str(path), sha256=file.sha256)

    def _watch(self, child: Child) -> None:
        """Until the child ends, send events every second and heartbeats every quarter of the lease."""
        while child.exit_code is None:
            if self.stop.wait(POLL_SECONDS):
                child.stop()
                raise Interrupted
            self._try_once(self._send_events)
            self._try_once(self._beat_if_due)
            if self.cancelled:
                child.stop()

    def _send_events(self) -> None:
        events = read_events(self.out / "events.jsonl", self.sent)
        if events:
            self._latest = next((event for event in reversed(events) if event.total_steps), self._latest)
            self.application.events(self.claim, events)
            self.sent = events[-1].seq

    def _beat_if_due(self) -> None:
        if time.monotonic() - self._last_beat < self.claim.lease_seconds / 4:
            return
        beat = Heartbeat(job=self.claim.job, token=self.claim.token)
        if latest := self._latest:
            beat.done, beat.total, beat.eta_seconds = latest.step, latest.total_steps, latest.eta_seconds
        self.cancelled = self.application.heartbeat(beat).cancel or self.cancelled
        self._last_beat = time.monotonic()

    def _try_once(self, call: Callable[[], None]) -> None:
        """Try once. If the application is unavailable, make no call for some seconds; the child works on meanwhile."""
        if time.monotonic() < self._quiet_until:
            return
        try:
            call()
        except Unavailable as error:
            log.warning("the application is unavailable: %s", error)
            self._quiet_until = time.monotonic() + min(5.0, self.claim.lease_seconds / 8)

    def _retry(self, call: Callable[[], Result]) -> Result:
        """Repeat until answered, with heartbeats in between. Raises Interrupted."""
        wait = 0.5
        while True:
            try:
                self._beat_if_due()
                return call()
            except Unavailable as error:
                log.warning("trying again in %.1f s: %s", wait, error)
            if self.stop.wait(wait):
                raise Interrupted
            wait = min(MAX_WAIT, wait * 2)

    def _upload_results(self) -> None:
        artifacts = [self._upload(path) for path in self._results()]
        report = Report.model_validate_json((self.out / "report.json").read_text(encoding="utf-8"))
        lines = (self.out / "answers.jsonl").read_text(encoding="utf-8").split("\n")
        answers = [Answer.model_validate_json(line) for line in lines if line]
        path = self.out / "resolved_recipe.json"
        recipe = ResolvedRecipe.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else None
        self._finish("done", recipe=recipe, report=report, answers=answers, artifacts=artifacts)
        shutil.rmtree(self.folder, ignore_errors=True)  # the application has every result now

    def _results(self) -> list[Path]:
        outputs = [path for folder in RESULT_FOLDERS for path in sorted((self.out / folder).rglob("*"))]
        return [path for path in [*outputs, *(self.out / name for name in RESULT_FILES)] if path.is_file()]

    def _upload(self, path: Path) -> Artifact:
        name = path.relative_to(self.out).as_posix()
        artifact = Artifact(name=name, sha256=sha256_of(path), size=path.stat().st_size)
        self._retry(lambda: self.application.upload(self.claim, artifact, path))
        return artifact

    def _finish(self, outcome: Outcome, *, error: str = "", **rest: Any) -> None:
        """Report the end of the attempt; `rest` are further fields of Finish."""
        job, token = self.claim.job, self.claim.token
        message = Finish(job=job, token=token, outcome=outcome, error=error[:20_000], **rest)
        self._retry(lambda: self.application.finish(message))
        log.info("%s: %s %s", self.name, outcome, error[:200])
