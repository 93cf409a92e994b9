"""A run's progress events as they arrive. Knows no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from app.core.db.database import Database
from app.core.jobs import OPEN
from app.domain.runs import queries

POLL_SECONDS = 0.7


async def follow(database: Database, run_id: str, after: int) -> AsyncIterator[tuple[int, dict[str, Any]] | None]:
    """Yield (seq, event) above `after` without gaps, and None for a poll without news; end with the run."""
    while True:
        events, is_open = await asyncio.to_thread(_poll, database, run_id, after)
        for seq, payload in events:
            after = seq
            yield seq, payload
        if not events:
            if not is_open:
                return
            yield None
            await asyncio.sleep(POLL_SECONDS)


def _poll(database: Database, run_id: str, after: int) -> tuple[list[tuple[int, dict[str, Any]]], bool]:
    with database.read() as session:
        run = queries.by_id(session, run_id)
        return [(event.seq, event.payload) for event in queries.events_after(session, run, after)], run.state in OPEN
