"""Random secrets and their digests. Raw secrets are shown once and never stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet


def new_secret(prefix: str = "") -> str:
    """256 random bits in URL-safe text."""
    return prefix + secrets.token_urlsafe(32)


def digest(raw: str) -> str:
    """SHA-256 of a high-entropy secret (a slow hash adds nothing to 256 random bits)."""
    return hashlib.sha256(raw.encode()).hexdigest()


def derive(key: str, purpose: str) -> str:
    """A sub-key for one purpose: HMAC-SHA-256 of the purpose under the installation's key."""
    return hmac.new(key.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def cipher(key: str, purpose: str) -> Fernet:
    """Encrypts and authenticates under the sub-key for one purpose."""
    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(derive(key, purpose))))


def same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())
