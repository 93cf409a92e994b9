"""Check that the log is what was recorded: each event against the chain, the chain against signed checkpoints. Pure.

The chain shows an edit, a deletion, an insertion, a swap. Only a checkpoint shows a tail that was cut and a chain that
was recomputed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.core.errors import NotFound
from app.domain.audit import checkpoints
from app.domain.audit.checkpoints import Checkpoint, CheckpointFile
from app.domain.audit.tables import GENESIS, Link, digest_of
from app.settings import Settings

UNREADABLE = (ValueError, TypeError, AttributeError)
"""What reading a column that was edited by hand may raise."""


class Broken(Exception):
    """The first bad event (None when a checkpoint was forged) and the problem in words."""

    def __init__(self, number: int | None, problem: str) -> None:
        super().__init__(problem)
        self.number, self.problem = number, problem


@dataclass
class Verification:
    """Events after `start` up to `count` were checked; `problem` is None when all of them are as recorded."""

    start: int = 0
    count: int = 0
    head: str = GENESIS
    problem: str | None = None
    first_bad: int | None = None
    agreeing: int = 0
    last_checkpoint: Checkpoint | None = None
    notes: tuple[str, ...] = ()
    walked: bool = True

    @property
    def intact(self) -> bool:
        return self.problem is None

    def as_dict(self) -> dict[str, Any]:
        values = asdict(self)
        return {"intact": self.intact, "words": self.summary(), "remarks": values.pop("notes"), **values}

    def summary(self) -> str:
        """Return the result in one sentence."""
        if self.problem:
            return self.problem
        if not self.count:
            return "The log is empty."
        if not self.walked:
            return f"{self.count:,} events. No checkpoint is signed yet, so the whole log must be verified."
        last = self.last_checkpoint
        if last is None:
            return f"The chain is intact up to event {self.count:,}. There is no checkpoint to detect removed events."
        at = last.at[:16].replace("T", " ")
        return f"The chain is intact up to event {self.count:,}. Last checkpoint: event {last.count:,}, {at} UTC."


def read_checkpoints(settings: Settings, against: list[Path], key: Ed25519PublicKey | None) -> CheckpointFile:
    """Read the installation's own checkpoint file, if there is one, and the given files. Raises NotFound."""
    key = key or checkpoints.public_key(settings)
    own = settings.audit_checkpoints_path
    if key is None:
        if against:
            raise NotFound("There is no key to verify the checkpoints with. Name one with --public-key.")
        return CheckpointFile(notes=["Checkpoints were not compared: there is no key to verify them with."])
    checkpoint_file = CheckpointFile()
    for path in [*([own] if own.exists() else []), *against]:
        try:
            checkpoint_file.add(path, key, only_this_key=path in against)
        except OSError as error:
            raise NotFound(f"{path} cannot be read ({error.strerror}).") from error
    return checkpoint_file


def check_event(event: Link, expected: int, previous: str) -> None:
    """Raise Broken unless the event has the expected number, its own digest, and the digest of the previous event."""
    if event.id < expected:
        raise Broken(event.id, f"Event {event.id} was inserted: the log begins with event 1.")
    if event.id > expected:
        missing = f"Event {expected} is" if event.id == expected + 1 else f"Events {expected} to {event.id - 1} are"
        raise Broken(expected, f"{missing} missing.")
    try:
        is_genuine = digest_of(event) == event.hash
    except UNREADABLE:
        is_genuine = False
    if not is_genuine:
        raise Broken(expected, f"Event {expected} is not what was recorded: its digest does not match its content.")
    if event.previous_hash != previous:
        raise Broken(
            expected, f"Event {expected} does not follow the previous one: one of the two was changed or moved."
        )


class Comparison:
    """Compares checkpoints with the events they sign, in the order of the events. `origin` is event 1's digest."""

    def __init__(self, checkpoint_file: CheckpointFile, origin: str | None) -> None:
        self.waiting = sorted(checkpoint_file.genuine, key=lambda checkpoint: checkpoint.count, reverse=True)
        self.origin = origin
        self.agreeing = 0
        self.last: Checkpoint | None = None

    def check_origin(self) -> None:
        for checkpoint in self.waiting:
            if checkpoint.origin != self.origin:
                problem = f"The checkpoint of {checkpoint.at} (event {checkpoint.count}) has another first event"
                raise Broken(1, f"{problem}: this log was rewritten from event 1, or is another installation's.")

    def check_up_to(self, number: int, digest: str) -> None:
        """Compare every checkpoint up to this event."""
        while self.waiting and self.waiting[-1].count <= number:
            checkpoint = self.waiting.pop()
            if checkpoint.count == number:
                self._compare(checkpoint, digest)

    def _compare(self, checkpoint: Checkpoint, digest: str) -> None:
        if checkpoint.head != digest:
            first = self.last.count + 1 if self.last else 1
            raise Broken(
                first,
                f"Event {checkpoint.count} has another digest than the one signed at {checkpoint.at}: "
                f"the log was rewritten from an event between {first} and {checkpoint.count} on.",
            )
        self.agreeing, self.last = self.agreeing + 1, checkpoint

    def check_end(self, count: int) -> None:
        if self.waiting:
            newest = self.waiting[0]
            raise Broken(
                count + 1,
                f"The log ends at event {count}, but the checkpoint of {newest.at} signed {newest.count}: "
                "its end was cut.",
            )
