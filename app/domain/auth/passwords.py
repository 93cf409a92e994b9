"""Passwords: which are allowed, and their Argon2id hashes. Knows no database.

Length counts, composition does not (NIST SP 800-63B, ASVS 6.2): long passwords of any kind, no common ones, none that
anybody could guess from the person's name or address.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn.matching import RANKED_DICTIONARIES

from app.core.errors import Invalid
from app.core.security import new_secret

SHORTEST, ADVISED, LONGEST = 8, 15, 256
COMMON = 3000
NOISE = re.compile(r"[\W\d_]+")

_hasher = PasswordHasher()
_at_once = BoundedSemaphore(4)  # 64 MiB each: a flood of sign-ins waits here instead of exhausting the memory


def check_allowed(password: str, *, email: str, name: str) -> None:
    """Raises Invalid, saying what to do instead."""
    given = _normal(password)
    if len(given) < SHORTEST:
        raise Invalid(f"Use at least {SHORTEST} characters; {ADVISED} or more are better.", field="password")
    if len(given) > LONGEST:
        raise Invalid(f"Use at most {LONGEST} characters.", field="password")
    if is_common(given):
        raise Invalid("This is one of the commonest passwords; use several words of your own.", field="password")
    if _bare(given) in _personal(email, name):
        raise Invalid("This can be guessed from your name or address; use something else.", field="password")


def is_common(password: str) -> bool:
    rank: int | None = RANKED_DICTIONARIES["passwords"].get(password.casefold())
    return rank is not None and rank <= COMMON


def hashed(password: str) -> str:
    with _at_once:
        return _hasher.hash(_normal(password))


def matches(stored: str | None, password: str) -> bool:
    """Whether it is the password. Without a stored hash the same work is done, so that time tells nothing."""
    if len(password) > 4 * LONGEST:
        return False
    with _at_once:
        try:
            return _hasher.verify(stored or _nobodys(), _normal(password)) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(stored: str) -> bool:
    """Made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


@cache
def _nobodys() -> str:
    return _hasher.hash(new_secret())


def _normal(password: str) -> str:
    """The same characters however the keyboard composed them."""
    return unicodedata.normalize("NFKC", password)


def _bare(word: str) -> str:
    return NOISE.sub("", word.casefold())


def _personal(email: str, name: str) -> set[str]:
    local, _, host = email.partition("@")
    words = {email, local, host, name, *name.split(), "preceptor", f"{name}{local}", f"preceptor{local}"}
    return {bare for word in words if (bare := _bare(word))}
