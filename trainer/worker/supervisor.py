"""The supervisor: claims runs, keeps each in a child process under its lease, hands the results in.

Knows the order of calls and what to do when one fails; knows neither torch nor how a run is made. The application may
be away for minutes at any point: the child trains on, and every call is repeated until it is answered.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from trainer.atomic import sha256_of, write_text
from trainer.errors import EXIT_STOPPED
from trainer.event_log import read_events
from trainer.protocol import (
    Answer,
    Artifact,
    Claim,
    DataFile,
    Event,
    FailureReason,
    Finish,
    Heartbeat,
    Outcome,
    Report,
    RunSpec,
)
from trainer.worker.client import AppClient, LeaseLost, RequestRefused, Unavailable
from trainer.worker.subprocess import Child

log = logging.getLogger(__name__)
Result = TypeVar("Result")

IDLE_SECONDS = 2.0
POLL_SECONDS = 1.0
LONGEST_WAIT = 30.0
KEPT_FILES = ("trainer.log", "history.json", "report.json", "answers.jsonl", "recipe.json")
KEPT_FOLDERS = ("model", "adapter")


def work(once: bool, stop: threading.Event) -> int:
    """Claim and execute until stopped. Exit 0 when asked to stop, or after one job with `once`; 2 if not set up."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s trainer: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    url, token = os.environ.get("PRECEPTOR_URL"), os.environ.get("PRECEPTOR_WORKER_TOKEN")
    if not url or not token:
        log.error("set PRECEPTOR_URL and PRECEPTOR_WORKER_TOKEN; an administrator makes the token")
        return 2
    application, name = AppClient(url, token), f"{socket.gethostname()}-{os.getpid()}"
    wait = IDLE_SECONDS
    while not stop.is_set():
        claim, wait = _try_claim(application, name, wait)
        if claim is not None:
            Attempt(application, claim, stop).execute()
        if once:
            return 0
        if claim is None:
            stop.wait(wait)
    return 0


def _try_claim(application: AppClient, name: str, wait: float) -> tuple[Claim | None, float]:
    """(the claim or None, seconds to wait before the next try)."""
    try:
        return application.claim(name), IDLE_SECONDS
    except (Unavailable, RequestRefused, LeaseLost) as error:
        log.warning("no claim: %s", error)
        return None, min(LONGEST_WAIT, wait * 2)


def home() -> Path:
    """Where runs keep their folders, one for each run and not for each attempt: the next finds the checkpoint."""
    given = os.environ.get("PRECEPTOR_TRAINER_DIR")
    return Path(given) if given else Path(os.environ.get("PRECEPTOR_DATA_DIR", "data")) / "trainer"


class Interrupted(Exception):
    """The supervisor itself was asked to stop."""


class Attempt:
    """One claimed job, from download to finish."""

    def __init__(self, application: AppClient, claim: Claim, stop: threading.Event) -> None:
        self.application, self.claim, self.stop = application, claim, stop
        self.folder = (home() / claim.run.replace("/", "_")).resolve()
        self.out = self.folder / "out"
        self.sent = 0
        self.cancelled = False
        self._beaten = 0.0
        self._quiet_until = 0.0
        self._latest: Event | None = None

    def execute(self) -> None:
        log.info("run %s, attempt %s", self.claim.run, self.claim.attempt)
        try:
            self._execute()
        except LeaseLost:
            log.warning("run %s: the lease is gone, the work goes to another worker", self.claim.run)
        except Interrupted:
            log.info("run %s: stopped with its checkpoint", self.claim.run)
        except RequestRefused as error:
            log.error("run %s: %s", self.claim.run, error)
            self._finish("failed", reason="crash", error=str(error), quietly=True)

    def _execute(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        child = Child(self._recipe(), self.out)
        try:
            self._watch(child)
        finally:
            child.kill()
        self._insist(self._send_events)
        self._conclude(child)

    def _recipe(self) -> Path:
        """The claim's spec with its files fetched and its folder ours."""
        spec = self.claim.spec
        files = {name: self._fetched(name, getattr(spec, name)) for name in ("train", "validation", "test")}
        local = RunSpec.model_validate({**spec.model_dump(), **files, "output_dir": str(self.out)})
        write_text(self.out / "recipe.json", local.model_dump_json(indent=1) + "\n")
        return self.out / "recipe.json"

    def _fetched(self, name: str, file: DataFile) -> dict[str, str | None]:
        if file.sha256 is None:
            raise RequestRefused(f"the {name} split came without a hash")
        path = self.folder / f"{name}-{file.sha256[:16]}.jsonl"
        if not path.exists() or sha256_of(path) != file.sha256:
            digest = file.sha256
            self._insist(lambda: self.application.download(self.claim, digest, path))
        return {"path": str(path), "sha256": file.sha256}

    def _watch(self, child: Child) -> None:
        """Until the child ends: events out every second, heartbeats every quarter of the lease."""
        while child.exit_code is None:
            if self.stop.wait(POLL_SECONDS):
                child.stop()
                raise Interrupted
            self._tolerate(self._send_events)
            self._tolerate(self._beat_if_due)
            if self.cancelled:
                child.stop()

    def _send_events(self) -> None:
        fresh = read_events(self.out / "events.jsonl", self.sent)
        if fresh:
            self._latest = next((event for event in reversed(fresh) if event.total_steps), self._latest)
            self.application.events(self.claim, fresh)
            self.sent = fresh[-1].seq

    def _beat_if_due(self) -> None:
        if time.monotonic() - self._beaten >= self.claim.lease_seconds / 4:
            self._beat()

    def _beat(self) -> None:
        latest = self._latest
        beat = Heartbeat(job=self.claim.job, token=self.claim.token)
        if latest is not None:
            beat.done, beat.total, beat.eta_seconds = latest.step, latest.total_steps, latest.eta_seconds
        self.cancelled = self.application.heartbeat(beat).cancel or self.cancelled
        self._beaten = time.monotonic()

    def _tolerate(self, call: Callable[[], None]) -> None:
        """One try. If the application is away, leave it alone for some seconds; the child works on meanwhile."""
        if time.monotonic() < self._quiet_until:
            return
        try:
            call()
        except Unavailable as error:
            log.warning("the application is away: %s", error)
            self._quiet_until = time.monotonic() + min(5.0, self.claim.lease_seconds / 8)

    def _insist(self, call: Callable[[], Result]) -> Result:
        """Repeat until answered, keeping the lease alive in between."""
        wait = 0.5
        while True:
            try:
                self._beat_if_due()
                return call()
            except Unavailable as error:
                log.warning("trying again in %.1f s: %s", wait, error)
            if self.stop.wait(wait):
                raise Interrupted
            wait = min(LONGEST_WAIT, wait * 2)

    def _conclude(self, child: Child) -> None:
        if self.cancelled:
            self._finish("cancelled")
        elif child.exit_code == 0:
            self._hand_in()
        elif child.exit_code == EXIT_STOPPED:
            self._finish("failed", reason="worker_lost", error="the training process was told to stop by its machine")
        else:
            reason, error = child.failure()
            self._finish("failed", reason=reason, error=error)

    def _hand_in(self) -> None:
        artifacts = [self._upload(path) for path in self._results()]
        report = Report.model_validate_json((self.out / "report.json").read_text(encoding="utf-8"))
        lines = (self.out / "answers.jsonl").read_text(encoding="utf-8").split("\n")
        answers = [Answer.model_validate_json(line) for line in lines if line]
        self._finish("done", report=report, answers=answers, artifacts=artifacts)
        shutil.rmtree(self.folder, ignore_errors=True)  # everything of worth is with the application now

    def _results(self) -> list[Path]:
        inside = [path for folder in KEPT_FOLDERS for path in sorted((self.out / folder).rglob("*")) if path.is_file()]
        return inside + [self.out / name for name in KEPT_FILES if (self.out / name).exists()]

    def _upload(self, path: Path) -> Artifact:
        name = path.relative_to(self.out).as_posix()
        artifact = Artifact(name=name, sha256=sha256_of(path), size=path.stat().st_size)
        self._insist(lambda: self.application.upload(self.claim, artifact, path))
        return artifact

    def _finish(
        self,
        outcome: Outcome,
        reason: FailureReason | None = None,
        error: str = "",
        report: Report | None = None,
        answers: list[Answer] | None = None,
        artifacts: list[Artifact] | None = None,
        quietly: bool = False,
    ) -> None:
        message = Finish(
            job=self.claim.job,
            token=self.claim.token,
            outcome=outcome,
            reason=reason,
            error=error[:20_000],
            report=report,
            answers=answers or [],
            artifacts=artifacts or [],
        )
        try:
            self._insist(lambda: self.application.finish(message))
        except (RequestRefused, LeaseLost):
            if not quietly:
                raise
        log.info("run %s: %s %s", self.claim.run, outcome, error[:200])
