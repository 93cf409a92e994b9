"""Passwords: which are allowed, and their Argon2id hashes. Knows no database.

Length counts, composition does not (NIST SP 800-63B, ASVS 6.2): long passwords of any kind are allowed. Common ones and
those that can be guessed from the user's name or email address are refused.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.core.errors import Invalid
from app.core.security import new_secret

SHORTEST, ADVISED, LONGEST = 8, 15, 256
COMMON = frozenset((Path(__file__).parent / "common_passwords.txt").read_text().split())
"""Those of the 3,000 most common passwords that are long enough to be refused for this reason (zxcvbn 4.5.0, MIT)."""
NOISE = re.compile(r"[\W\d_]+")

_hasher = PasswordHasher()
_at_once = BoundedSemaphore(4)  # 64 MiB each: many sign-ins at once wait here instead of exhausting the memory


def check_allowed(password: str, *, email: str, name: str) -> None:
    """Raise Invalid, with what to do instead, for a password that is too short, too long, common or personal."""
    normal = _normal(password)
    if len(normal) < SHORTEST:
        raise Invalid(f"Use at least {SHORTEST} characters; {ADVISED} or more are better.", field="password")
    if len(normal) > LONGEST:
        raise Invalid(f"Use at most {LONGEST} characters.", field="password")
    if normal.casefold() in COMMON:
        raise Invalid("This is one of the most common passwords; use several words of your own.", field="password")
    if _bare(normal) in _personal(email, name):
        raise Invalid("This can be guessed from your name or email address; use something else.", field="password")


def hashed(password: str) -> str:
    with _at_once:
        return _hasher.hash(_normal(password))


def matches(stored: str | None, password: str) -> bool:
    """Return whether this is the password. Takes as long without a stored hash, so that the time reveals no account."""
    if len(password) > 4 * LONGEST:
        return False
    with _at_once:
        try:
            return _hasher.verify(stored or _unused_hash(), _normal(password)) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(stored: str) -> bool:
    """Return whether the hash was made with weaker parameters than the current ones."""
    return _hasher.check_needs_rehash(stored)


@cache
def _unused_hash() -> str:
    return _hasher.hash(new_secret())


def _normal(password: str) -> str:
    """Return the same characters for composed and decomposed input (NFKC)."""
    return unicodedata.normalize("NFKC", password)


def _bare(word: str) -> str:
    return NOISE.sub("", word.casefold())


def _personal(email: str, name: str) -> set[str]:
    local, _, host = email.partition("@")
    words = {email, local, host, name, *name.split(), "preceptor", f"{name}{local}", f"preceptor{local}"}
    return {bare for word in words if (bare := _bare(word))}
