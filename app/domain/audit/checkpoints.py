"""Signed checkpoints: the number of events, the digest of the last, the time; signed with the installation's key.

A chain alone does not show that its tail was cut, or that the whole chain was recomputed. A checkpoint stored where the
database's owner cannot write does (as in transparency logs, RFC 6962). Uses no database.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.core.errors import AppError
from app.core.files import read_json_lines, write_whole
from app.settings import Settings

MAX_NEW_EVENTS = 200
MAX_AGE = timedelta(hours=1)
PURPOSE = "preceptor audit checkpoint 1"


class KeyMissing(AppError):
    """There is no key to sign or verify with."""

    status, code = 503, "audit_key"


@dataclass(frozen=True)
class Checkpoint:
    """`origin` is the digest of the log's first event and identifies the log; `head` is the digest of event `count`;
    `key` is the id of the signing key."""

    origin: str
    count: int
    head: str
    at: str
    key: str
    signature: str = ""

    def text(self) -> bytes:
        """Return the signed bytes: one value per line, so that no two checkpoints share them."""
        return "\n".join((PURPOSE, self.origin, str(self.count), self.head, self.at, self.key, "")).encode()

    def is_genuine(self, key: Ed25519PublicKey) -> bool:
        try:
            key.verify(base64.b64decode(self.signature, validate=True), self.text())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


@dataclass
class CheckpointFile:
    """The content of checkpoint files: genuine checkpoints, and messages about forged and skipped lines."""

    genuine: list[Checkpoint] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def last(self) -> Checkpoint | None:
        return max(self.genuine, key=lambda checkpoint: checkpoint.count, default=None)

    def add(self, path: Path, key: Ed25519PublicKey, *, only_this_key: bool = True) -> None:
        """Read a file and check each signature. Raises OSError.

        A restored backup may contain lines that another installation signed; unless `only_this_key`, they are skipped.
        """
        own_key = key_id(key)
        for number, checkpoint in read_json_lines(path, Checkpoint):
            place = f"Line {number} of {path.name}"
            if checkpoint is None:
                self.notes.append(f"{place} is incomplete; it was skipped.")
            elif checkpoint.is_genuine(key):
                self.genuine.append(checkpoint)
            elif checkpoint.key == own_key or only_this_key:
                self.forged.append(f"{place} is not signed with the key {own_key}")
            else:
                self.notes.append(f"{place} is signed with another key ({checkpoint.key}); it was skipped.")


def sign(key: Ed25519PrivateKey, *, origin: str, count: int, head: str, at: datetime) -> Checkpoint:
    bare = Checkpoint(origin, count, head, at.isoformat(timespec="seconds"), key_id(key.public_key()))
    return replace(bare, signature=base64.b64encode(key.sign(bare.text())).decode())


def is_due(last: Checkpoint | None, count: int, at: datetime) -> bool:
    """Whether a checkpoint is due: after 200 events, and after every hour with a new event."""
    if last is None or count < last.count:
        return count > 0
    return count >= last.count + MAX_NEW_EVENTS or (
        count > last.count and at - datetime.fromisoformat(last.at) >= MAX_AGE
    )


# --- the key ---


def private_key(settings: Settings) -> Ed25519PrivateKey:
    """Return the signing key; create it if there is none and PRECEPTOR_AUDIT_KEY_FILE is unset. Raises KeyMissing."""
    path = settings.audit_key_path
    if not path.exists() and settings.audit_key_file is None:
        _create_key(path)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise KeyMissing(f"{path} holds no readable key ({error}); see PRECEPTOR_AUDIT_KEY_FILE.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyMissing(f"{path} holds no Ed25519 key; create one with: openssl genpkey -algorithm ed25519")
    return key


def public_key(settings: Settings) -> Ed25519PublicKey | None:
    """Return the verification key; None when this installation has not signed anything yet."""
    return private_key(settings).public_key() if settings.audit_key_path.exists() else None


def _create_key(path: Path) -> None:
    """Create the file atomically, readable by this user only; the first of two processes wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    write_whole(temporary, [pem])
    try:
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()


def public_key_text(key: Ed25519PublicKey) -> str:
    """Return the public key as one line of base64, to be stored elsewhere."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def key_id(key: Ed25519PublicKey) -> str:
    """Return a short id of the key, the same on every machine."""
    return hashlib.sha256(public_key_text(key).encode()).hexdigest()[:16]


def parse_public_key(text: str) -> Ed25519PublicKey:
    """Parse the output of `public_key_text`. Raises KeyMissing."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.strip(), validate=True))
    except (binascii.Error, ValueError) as error:
        raise KeyMissing("The public key must be one line of base64, as `preceptor audit key` prints it.") from error
