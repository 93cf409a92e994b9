"""PostgreSQL is stopped with `immediate`, and killed with -9, while people write: what was acknowledged is there (G1).

The web process lives through it: it answers 503 in words while the server is away, and by itself again afterwards.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.core.db.database import Database
from app.domain.audit import verify_queries
from app.domain.audit.checkpoints import CheckpointFile
from app.domain.audit.tables import AuditEvent
from app.domain.pairs.tables import Pair, Revision
from tests.fixtures import postgres
from tests.fixtures.processes import Stack, wait_for
from tests.reliability.test_web_kills import PROJECT, Writer, all_pairs

WRITERS, ENOUGH = 4, 60


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    """A server of the test's own, as durable as one in earnest."""
    with postgres.server(postgres.DURABLE) as running:
        yield running


@pytest.fixture
def stack(server: postgres.Server, tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "installation", server.url.format(database="postgres"))
    stack.start("web")
    try:
        yield stack
    finally:
        stack.stop()


@pytest.mark.assurance
@pytest.mark.slow
def test_what_was_acknowledged_outlives_every_end_of_the_server(
    server: postgres.Server, stack: Stack, tally: Callable[[str, int], None]
) -> None:
    stack.call("carol", "POST", "/projects", 201, json=PROJECT)
    stack.call("carol", "POST", "/projects/clinic/members", 201, json={"email": "alice@example.org", "role": "expert"})
    web, over = stack.processes["web"].pid, threading.Event()
    writers = [Writer(stack, number, over) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    ends = (server.stop, server.kill, server.stop, server.kill)
    try:
        for number, end in enumerate(ends, 1):
            wait_for(lambda: written(writers) >= number * ENOUGH // len(ends), 60, "enough writes")  # noqa: B023
            end()
            _says_that_it_is_away(stack)
            _start_again(server)
            wait_for(lambda: httpx.get(f"{stack.url}/healthz").status_code == 200, 30, "an answer without a restart")
        before = written(writers)
        wait_for(lambda: written(writers) >= before + WRITERS, 60, "writes after the last start")
    finally:
        over.set()
        for writer in writers:
            writer.join(30)
    assert stack.processes["web"].poll() is None and stack.processes["web"].pid == web
    assert [refused for writer in writers for refused in writer.refused] == []
    _all_is_there(stack, writers)
    tally("kills survived", len(ends))
    tally("acknowledged writes found again", written(writers))


def written(writers: list[Writer]) -> int:
    return sum(writer.writes for writer in writers)


def _says_that_it_is_away(stack: Stack) -> None:
    """A script and a person are told so in words, and when to come again."""
    answer = httpx.get(f"{stack.url}/api/v1/projects", headers={"Authorization": f"Bearer {stack.tokens['alice']}"})
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable"), answer.text
    assert "database" in answer.json()["detail"] and int(answer.headers["retry-after"]) > 0
    page = httpx.get(f"{stack.url}/sign-in", cookies={"preceptor_session": "whoever"})
    assert page.status_code == 503 and "does not answer" in page.text
    assert httpx.get(f"{stack.url}/healthz").status_code == 503


def _start_again(server: postgres.Server) -> None:
    """The processes of a killed server's connections may take a moment to see that they are alone."""
    for _ in range(40):
        try:
            server.start()
            return
        except RuntimeError:
            time.sleep(0.25)
    server.start()


def _all_is_there(stack: Stack, writers: list[Writer]) -> None:
    """Every acknowledged write, each with its revision and its event, and nothing that is half done."""
    present = all_pairs(stack)
    for writer in writers:
        for pair, revision in writer.acknowledged.items():
            assert pair in present, "an acknowledged pair is gone"
            assert pair in writer.unsure or present[pair] == revision, "an acknowledged revision is gone"
    database = Database(stack.settings.resolved_database_url)
    with database.read() as session:
        assert _count(session, Pair) == len(present) == _count(session, AuditEvent, AuditEvent.action == "pair.created")
        whole = select(func.count()).select_from(Pair).join(Revision, Revision.id == Pair.current_revision_id)
        assert session.scalar(whole) == len(present), "a pair without its revision"
        saved = _count(session, AuditEvent, AuditEvent.action.in_(("pair.created", "pair.saved")))
        assert _count(session, Revision) == saved, "a revision without its event, or an event without its revision"
        found = verify_queries.verify_events(session, CheckpointFile())
        assert found.intact, found.summary()
    database.dispose()


def _count(session: Any, table: Any, *which: Any) -> int:
    return session.scalar(select(func.count()).select_from(table).where(*which)) or 0
