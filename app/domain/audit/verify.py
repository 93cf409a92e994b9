"""Is the log what was recorded? Walks the chain, compares it with signed checkpoints, names the first bad event.

The chain shows an edit, a deletion, an insertion, a swap. Only a checkpoint shows a tail that was cut and a chain that
was computed anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.domain.audit import checkpoints, queries
from app.domain.audit.chain import GENESIS, Link, digest_of
from app.domain.audit.checkpoints import Checkpoint, Signed
from app.settings import Settings

UNREADABLE = (ValueError, TypeError, AttributeError)  # what a column that was edited by hand may raise


class Broken(Exception):
    """Where the log is not what was recorded, and how."""

    def __init__(self, seq: int | None, words: str) -> None:
        super().__init__(words)
        self.seq, self.words = seq, words


@dataclass
class Verification:
    """Events after `start` up to `count` were walked; `problem` is None when all of them are as recorded."""

    start: int = 0
    count: int = 0
    head: str = GENESIS
    problem: str | None = None
    first_bad: int | None = None
    agreeing: int = 0
    last_checkpoint: Checkpoint | None = None
    remarks: tuple[str, ...] = ()
    walked: bool = True

    @property
    def intact(self) -> bool:
        return self.problem is None

    def as_dict(self) -> dict[str, Any]:
        return {"intact": self.intact, "words": self.words(), **asdict(self)}

    def words(self) -> str:
        """One sentence for a person."""
        if self.problem:
            return self.problem
        if not self.count:
            return "Nothing was recorded yet."
        if not self.walked:
            return f"{self.count} events; no checkpoint was signed yet, so that the whole log has to be verified."
        last = self.last_checkpoint
        if last is None:
            return f"The chain is intact up to event {self.count}; no checkpoint was there to show a cut tail."
        return f"The chain is intact up to event {self.count}; last checkpoint at event {last.count}, {last.at}."


def examine(
    session: Session, settings: Settings, *, against: list[Path] | None = None, key: Ed25519PublicKey | None = None
) -> Verification:
    """The whole log, against the installation's own checkpoints and those of other files. Raises NotFound."""
    signed = read_all(settings, against or [], key)
    return verify(session, signed)


def recent(session: Session, settings: Settings) -> Verification:
    """Only what came after the last checkpoint: cheap enough for a page."""
    signed = read_all(settings, [], None)
    if signed.last is None:
        count, head = queries.newest(session) or (0, GENESIS)
        return Verification(count=count, head=head, remarks=tuple(signed.remarks), walked=False)
    return verify(session, signed, since=signed.last)


def read_all(settings: Settings, against: list[Path], key: Ed25519PublicKey | None) -> Signed:
    """The installation's own file, where there is one, and the files named."""
    key = key or checkpoints.public_key(settings)
    own = settings.audit_checkpoints_path
    files = [*([own] if own.exists() else []), *against]
    if key is None:
        if against:
            raise NotFound("There is no key here to check the checkpoints with; name it with --public-key.")
        return Signed(remarks=["checkpoints were not compared: there is no key here to check them with"])
    signed = Signed()
    for path in files:
        try:
            found = checkpoints.read(path, key, only_this_key=path in against)
        except OSError as error:
            raise NotFound(f"{path} cannot be read ({error.strerror}).") from error
        signed.genuine += found.genuine
        signed.forged += found.forged
        signed.remarks += found.remarks
    return signed


def verify(session: Session, signed: Signed | None = None, *, since: Checkpoint | None = None) -> Verification:
    """Walk from the first event, or from the checkpoint `since`; the first thing that is wrong ends it."""
    signed = signed or Signed()
    result = Verification(start=since.count if since else 0, remarks=tuple(signed.remarks))
    comparison = _Comparison(signed, session)
    try:
        if signed.forged:
            raise Broken(None, f"{signed.forged[0]}: it was forged, or is of another installation.")
        comparison.check_origin()
        if since:
            result.count, result.head = since.count, since.head
            comparison.meet(since.count, queries.digest_at(session, since.count) or "")
        for event in walk(session, since):
            result.count, result.head = event.id, event.hash
            comparison.meet(event.id, event.hash)
        comparison.check_end(result.count)
    except Broken as found:
        result.problem, result.first_bad = found.words, found.seq
    result.agreeing, result.last_checkpoint = comparison.agreeing, comparison.last
    return result


def walk(session: Session, since: Checkpoint | None = None) -> Iterator[Link]:
    """The events in order, each checked against the one before. Raises Broken at the first that does not follow."""
    expected, previous = (since.count + 1, since.head) if since else (1, GENESIS)
    for event in _events(session, since.count if since else None):
        _check(event, expected, previous)
        yield event
        expected, previous = expected + 1, event.hash


def _check(event: Link, expected: int, previous: str) -> None:
    if event.id < expected:
        raise Broken(event.id, f"Event {event.id} was inserted: the log begins with event 1.")
    if event.id > expected:
        gone = f"Event {expected} is" if event.id == expected + 1 else f"Events {expected} to {event.id - 1} are"
        raise Broken(expected, f"{gone} missing.")
    if not _fits(event):
        raise Broken(expected, f"Event {expected} is not what was recorded: its digest does not fit its content.")
    if event.previous_hash != previous:
        raise Broken(
            expected, f"Event {expected} does not follow on the one before it: one of the two was rewritten or moved."
        )


def _fits(event: Link) -> bool:
    try:
        return digest_of(event) == event.hash
    except UNREADABLE:
        return False


def _events(session: Session, after: int | None) -> Iterator[Link]:
    """Rows a thousand at a time. A row that no longer reads as an event is named like any other edit."""
    try:
        for rows in queries.batches(session, after=after):
            yield from rows
            after = rows[-1].id
    except UNREADABLE:
        for number in queries.numbers(session, after):
            try:
                yield queries.event(session, number)
            except UNREADABLE as error:
                raise Broken(number, f"Event {number} is not what was recorded: it cannot be read any more.") from error
        raise


class _Comparison:
    """The checkpoints, met in the order of the events they sign."""

    def __init__(self, signed: Signed, session: Session) -> None:
        self.waiting = sorted(signed.genuine, key=lambda one: one.count, reverse=True)
        self.origin = queries.digest_at(session, 1)
        self.agreeing = 0
        self.last: Checkpoint | None = None

    def check_origin(self) -> None:
        for one in self.waiting:
            if one.origin != self.origin:
                words = f"The checkpoint of {one.at} (event {one.count}) is of a log with another first event"
                raise Broken(1, f"{words}: this log was rewritten from event 1, or is another installation's.")

    def meet(self, seq: int, digest: str) -> None:
        """Compare with every checkpoint up to this event."""
        while self.waiting and self.waiting[-1].count <= seq:
            one = self.waiting.pop()
            if one.count == seq:
                self._compare(one, digest)

    def _compare(self, one: Checkpoint, digest: str) -> None:
        if one.head != digest:
            first = self.last.count + 1 if self.last else 1
            raise Broken(
                first,
                f"Event {one.count} has another digest than the one signed at {one.at}: "
                f"the log was rewritten from an event between {first} and {one.count} on.",
            )
        self.agreeing, self.last = self.agreeing + 1, one

    def check_end(self, count: int) -> None:
        if self.waiting:
            most = self.waiting[0]
            raise Broken(
                count + 1,
                f"The log ends at event {count}, but the checkpoint of {most.at} signed {most.count}: its end was cut.",
            )
