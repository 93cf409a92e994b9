"""Read the log to verify it: walk the chain, compare it with signed checkpoints, name the first bad event."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.orm import Session

from app.domain.audit import queries
from app.domain.audit.checkpoints import Checkpoint, CheckpointFile
from app.domain.audit.tables import GENESIS, Link
from app.domain.audit.verify import UNREADABLE, Broken, Comparison, Verification, check_event, read_checkpoints
from app.settings import Settings


def verify_log(
    session: Session, settings: Settings, *, against: list[Path] | None = None, key: Ed25519PublicKey | None = None
) -> Verification:
    """Verify the whole log against the installation's own checkpoints and those of other files. Raises NotFound."""
    return verify_events(session, read_checkpoints(settings, against or [], key))


def verify_recent(session: Session, settings: Settings) -> Verification:
    """Verify only the events after the last checkpoint: cheap enough for a page."""
    checkpoint_file = read_checkpoints(settings, [], None)
    if checkpoint_file.last is None:
        count, head = queries.newest(session) or (0, GENESIS)
        return Verification(count=count, head=head, notes=tuple(checkpoint_file.notes), walked=False)
    return verify_events(session, checkpoint_file, since=checkpoint_file.last)


def verify_events(session: Session, checkpoint_file: CheckpointFile, since: Checkpoint | None = None) -> Verification:
    """Walk from the first event, or from the checkpoint `since`, up to the first problem."""
    result = Verification(start=since.count if since else 0, notes=tuple(checkpoint_file.notes))
    comparison = Comparison(checkpoint_file, queries.digest_at(session, 1))
    try:
        if checkpoint_file.forged:
            raise Broken(None, f"{checkpoint_file.forged[0]}: it was forged, or comes from another installation.")
        comparison.check_origin()
        if since:
            result.count, result.head = since.count, since.head
            comparison.check_up_to(since.count, queries.digest_at(session, since.count) or "")
        for event in walk(session, since):
            result.count, result.head = event.id, event.hash
            comparison.check_up_to(event.id, event.hash)
        comparison.check_end(result.count)
    except Broken as error:
        result.problem, result.first_bad = error.problem, error.number
    result.agreeing, result.last_checkpoint = comparison.agreeing, comparison.last
    return result


def walk(session: Session, since: Checkpoint | None = None) -> Iterator[Link]:
    """Yield the events in order, each checked against the previous one. Raises Broken at the first bad event."""
    expected, previous = (since.count + 1, since.head) if since else (1, GENESIS)
    for event in _events(session, since.count if since else None):
        check_event(event, expected, previous)
        yield event
        expected, previous = expected + 1, event.hash


def _events(session: Session, after: int | None) -> Iterator[Link]:
    """Yield all rows, read a thousand at a time. Raises Broken for a row that cannot be read as an event."""
    try:
        for rows in queries.batches(session, after=after):
            yield from rows
            after = rows[-1].id
    except UNREADABLE:
        for number in queries.event_numbers(session, after):
            try:
                yield queries.event_row(session, number)
            except UNREADABLE as error:
                raise Broken(number, f"Event {number} is not what was recorded: it cannot be read.") from error
        raise
