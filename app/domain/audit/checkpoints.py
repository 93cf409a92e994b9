"""Signed checkpoints: how many events there were, the digest of the last, when; signed with the installation's key.

A chain alone does not show that its tail was cut, or that all of it was computed anew. A checkpoint that is kept where
the database's owner cannot write does. In the spirit of transparency logs; knows no database.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.core import jsonl_log
from app.core.errors import AppError
from app.settings import Settings

EVENTS = 200
AGE = timedelta(hours=1)
PURPOSE = "preceptor audit checkpoint 1"
FIELDS: dict[str, type] = {"origin": str, "count": int, "head": str, "at": str, "key": str, "signature": str}


class KeyMissing(AppError):
    """No key to sign or verify with."""

    status, code = 503, "audit_key"


@dataclass(frozen=True)
class Checkpoint:
    """`origin` is the digest of the log's first event, which names the log; `head` that of event number `count`; `key`
    names the key that signed."""

    origin: str
    count: int
    head: str
    at: str
    key: str
    signature: str = ""

    def text(self) -> bytes:
        """What is signed: one value a line, so that no two checkpoints share a text."""
        return "\n".join((PURPOSE, self.origin, str(self.count), self.head, self.at, self.key, "")).encode()

    def is_genuine(self, key: Ed25519PublicKey) -> bool:
        try:
            key.verify(base64.b64decode(self.signature, validate=True), self.text())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


@dataclass
class Signed:
    """What a file of checkpoints holds: the genuine ones, and in words what else was found."""

    genuine: list[Checkpoint] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def last(self) -> Checkpoint | None:
        return max(self.genuine, key=lambda one: one.count, default=None)


def sign(key: Ed25519PrivateKey, *, origin: str, count: int, head: str, at: datetime) -> Checkpoint:
    bare = Checkpoint(origin, count, head, at.isoformat(timespec="seconds"), name_of(key.public_key()))
    return replace(bare, signature=base64.b64encode(key.sign(bare.text())).decode())


def is_due(last: Checkpoint | None, count: int, at: datetime) -> bool:
    """Every 200 events, and every hour in which anything happened."""
    if last is None or count < last.count:
        return count > 0
    return count >= last.count + EVENTS or (count > last.count and at - datetime.fromisoformat(last.at) >= AGE)


# --- the key ---


def private_key(settings: Settings) -> Ed25519PrivateKey:
    """The signing key; made at the first call unless PRECEPTOR_AUDIT_KEY_FILE names one. Raises KeyMissing."""
    path = settings.audit_key_path
    if not path.exists() and settings.audit_key_file is None:
        _make(path)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise KeyMissing(f"{path} holds no key that can be read ({error}); see PRECEPTOR_AUDIT_KEY_FILE.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyMissing(f"{path} holds no Ed25519 key; make one with: openssl genpkey -algorithm ed25519")
    return key


def public_key(settings: Settings) -> Ed25519PublicKey | None:
    """The key that verifies; None where this installation has signed nothing yet."""
    return private_key(settings).public_key() if settings.audit_key_path.exists() else None


def _make(path: Path) -> None:
    """Whole or absent, for this user only, and the first of two processes wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def as_text(key: Ed25519PublicKey) -> str:
    """The public key in base64, one line, to be noted down elsewhere."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def name_of(key: Ed25519PublicKey) -> str:
    """Short, and the same wherever the key is."""
    return hashlib.sha256(as_text(key).encode()).hexdigest()[:16]


def from_text(text: str) -> Ed25519PublicKey:
    """Raises KeyMissing for what as_text never wrote."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.strip(), validate=True))
    except (binascii.Error, ValueError) as error:
        raise KeyMissing("The public key is one line of base64, as `preceptor audit key` prints it.") from error


# --- the file ---


def append(path: Path, checkpoint: Checkpoint) -> None:
    jsonl_log.append(path, asdict(checkpoint))


def read(path: Path, key: Ed25519PublicKey, *, only_this_key: bool = True) -> Signed:
    """The checkpoints of a file, each by its signature. Raises OSError.

    A restored backup may bring lines that another installation signed; unless `only_this_key` they are passed over.
    """
    found, ours = Signed(), name_of(key)
    for number, given in jsonl_log.read(path, FIELDS):
        place = f"Line {number} of {path.name}"
        if given is None:
            found.remarks.append(f"{place} is not whole; it is passed over.")
            continue
        checkpoint = Checkpoint(**given)
        if checkpoint.is_genuine(key):
            found.genuine.append(checkpoint)
        elif checkpoint.key == ours or only_this_key:
            found.forged.append(f"{place} is not signed with the key {ours}")
        else:
            found.remarks.append(f"{place} is signed with another key ({checkpoint.key}); it is passed over.")
    return found
