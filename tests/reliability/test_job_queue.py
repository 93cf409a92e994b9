"""The ledger under any order of claims, beats, pauses, crashes and jumping clocks, played by Hypothesis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, select

from app.core import jobs
from app.core.db.database import Database
from app.core.errors import Conflict

LEASE = 60.0
ENDS = ("done", "failed", "cancelled")
ROUNDS, STEPS = 60, 40


@dataclass(frozen=True)
class Hold:
    """What a worker believes it holds; it may have slept for years since."""

    job: str
    token: int


class Ledger(RuleBasedStateMachine):
    """The model knows the current token, the accepted completions and how long each holder has been silent."""

    database: Database
    steps = 0
    holds = Bundle("holds")

    @initialize()
    def empty(self) -> None:
        with self.database.session() as session:
            session.execute(delete(jobs.Job))
        self.wall = self.monotonic = 0.0
        self.observers = [jobs.LeaseMonitor(LEASE, lambda: self.monotonic) for _ in range(2)]
        self.tokens: dict[str, int] = {}
        self.accepted: dict[str, tuple[str, int]] = {}
        self.beaten: dict[str, float] = {}

    # --- what may happen ---

    @rule()
    def enqueue(self) -> None:
        with self.database.session() as session:
            self.tokens[jobs.enqueue(session, "model", {}).id] = 0

    @rule(target=holds, observer=st.integers(0, 1))
    def claim(self, observer: int) -> Any:
        before = self.rows()
        with self.database.session() as session:
            job = jobs.claim(session, ["model"], "worker", self.observers[observer])
            hold = Hold(job.id, job.token) if job else None
        self._forget_what_the_ledger_ended()
        if hold is None:
            return multiple()
        assert hold.token == self.tokens[hold.job] + 1, "tokens rise by one with every claim"
        if before[hold.job].state == "running":
            assert self.monotonic - self.beaten[hold.job] >= LEASE, "taken from a holder that had just beaten"
        self.tokens[hold.job], self.beaten[hold.job] = hold.token, self.monotonic
        return hold

    @rule(hold=holds)
    def beat(self, hold: Hold) -> None:
        if self._ask(hold, lambda session: jobs.heartbeat(session, hold.job, hold.token, LEASE)):
            self.beaten[hold.job] = self.monotonic

    @rule(hold=holds, state=st.sampled_from(ENDS), times=st.integers(1, 3))
    def finish(self, hold: Hold, state: str, times: int) -> None:
        """Once, or again and again, by the holder or by one that woke up late."""
        for _ in range(times):
            mark = {"token": hold.token}
            if self._ask(
                hold, lambda session, mark=mark: jobs.finish(session, hold.job, hold.token, state, result=mark)
            ):
                assert hold.job not in self.accepted, "a second completion was accepted"
                self.accepted[hold.job] = (state, hold.token)

    @rule(hold=consumes(holds))
    def crash(self, hold: Hold) -> None:
        """The worker is gone and will never ask again."""

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if not self.tokens:
            return
        job = data.draw(st.sampled_from(sorted(self.tokens)))
        state = self.rows()[job].state
        try:
            with self.database.session() as session:
                jobs.request_cancel(session, job)
        except Conflict:
            assert state in ENDS
        else:
            assert state in jobs.OPEN
        self._forget_what_the_ledger_ended()

    @rule(seconds=st.sampled_from([0.5, 20.0, 59.9, 60.0, 61.0, 200_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.monotonic += seconds

    @rule(observer=st.integers(0, 1))
    def observer_restarts(self, observer: int) -> None:
        self.observers[observer] = jobs.LeaseMonitor(LEASE, lambda: self.monotonic)

    # --- what must hold ---

    @invariant()
    def the_ledger_is_as_the_model_says(self) -> None:
        type(self).steps += 1
        rows = self.rows()
        assert sorted(rows) == sorted(self.tokens), "a job was lost or made up"
        for job in rows.values():
            assert job.token == self.tokens[job.id]
            assert job.attempt == job.token <= jobs.MAX_ATTEMPTS
            if job.id in self.accepted:
                state, token = self.accepted[job.id]
                assert job.state == state
                assert token == 0 or job.result == {"token": token}
            else:
                assert job.state in jobs.OPEN

    def teardown(self) -> None:
        """Somebody who works and does not die brings every job to an end."""
        if not hasattr(self, "tokens"):
            return
        for _ in range(2 * len(self.tokens) + 2):
            with self.database.session() as session:
                while job := jobs.claim(session, ["model"], "last", self.observers[0]):
                    jobs.finish(session, job.id, job.token, "done")
            self.monotonic += LEASE
        assert {row.state for row in self.rows().values()} <= set(ENDS)

    # --- how the model asks ---

    def _ask(self, hold: Hold, call: Any) -> bool:
        """Whether it was accepted; that must be so exactly for the holder of the current token of a running job."""
        before = self.rows()[hold.job]
        expected = hold.job not in self.accepted and hold.token == self.tokens[hold.job]
        try:
            with self.database.session() as session:
                call(session)
        except Conflict:
            assert not expected, "the rightful holder was refused"
            assert self.rows()[hold.job] == before, "a refused call wrote something"
            return False
        assert expected, "a stale token was accepted"
        return True

    def _forget_what_the_ledger_ended(self) -> None:
        """Cancelled while waiting, or out of attempts: the ledger's own completions."""
        for job in self.rows().values():
            if job.state in ENDS and job.id not in self.accepted:
                assert job.state == "cancelled" or (job.state, job.reason) == ("failed", "worker_lost")
                self.accepted[job.id] = (job.state, 0)

    def rows(self) -> dict[str, Any]:
        with self.database.read() as session:
            return {row.id: row for row in session.execute(select(jobs.Job.__table__))}


@pytest.mark.assurance
def test_no_order_of_events_breaks_the_ledger(database: Database, tally: Any) -> None:
    machine = type("LedgerOnOneEngine", (Ledger,), {"database": database, "steps": 0})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=ROUNDS, stateful_step_count=STEPS, deadline=None, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    tally("ledger steps tried", machine.steps)
