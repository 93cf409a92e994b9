"""Which passwords are allowed, and how they are kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from app.core.errors import Invalid
from app.domain.auth import passwords

WHO = {"email": "erin.doyle@clinic.example.org", "name": "Erin Doyle"}
ALLOWED = ["correct horse battery", "пароль-для-теста", "        8 spaces", "🩺🩺🩺🩺🩺🩺🩺🩺", "x7" * 128]


@pytest.mark.assurance
def test_common_passwords_are_refused(tally) -> None:
    common = FREQUENCY_LISTS["passwords"][:3000]
    for word in common:
        for spelling in (word, word.upper(), word.title()):
            with pytest.raises(Invalid):
                passwords.check_allowed(spelling, **WHO)
    tally("passwords refused", 3 * len(common))
    assert len(common) == 3000 and sum(len(word) >= passwords.SHORTEST for word in common) > 300


@pytest.mark.parametrize(
    "password",
    ["", "1234567", "short", "x7" * 129, "erin.doyle@clinic.example.org", "ErinDoyle1", "doyle-2026!", "Preceptor123"],
)
def test_short_long_personal_are_refused(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        passwords.check_allowed(password, **WHO)
    assert refused.value.field == "password"


@pytest.mark.parametrize("password", ALLOWED)
def test_any_characters_are_allowed(password: str) -> None:
    passwords.check_allowed(password, **WHO)
    assert passwords.matches(passwords.hashed(password), password)


def test_argon2id_has_owasp_parameters() -> None:
    stored = passwords.hashed("correct horse battery")
    kind, version, parameters = stored.split("$")[1:4]
    given = dict(pair.split("=") for pair in parameters.split(","))
    assert (kind, version) == ("argon2id", "v=19")
    assert int(given["m"]) >= 19456 and int(given["t"]) >= 2
    assert not passwords.is_outdated(stored)
    assert passwords.is_outdated(PasswordHasher(time_cost=1, memory_cost=8192).hash("x"))


def test_unicode_composition_is_ignored() -> None:
    assert passwords.matches(passwords.hashed("caf\u00e9 au lait"), "cafe\u0301 au lait")


@pytest.mark.parametrize("stored", [None, "", "not a hash", "$argon2id$v=19$m=65536,t=3,p=4$x"])
def test_unusable_hash_never_matches(stored: str | None) -> None:
    assert not passwords.matches(stored, "anything at all")


def test_concurrent_hashes_wait() -> None:
    stored = passwords.hashed("correct horse battery")
    with ThreadPoolExecutor(12) as pool:
        answers = list(
            pool.map(lambda at: passwords.matches(stored, "correct horse battery" + "!" * (at % 2)), range(24))
        )
    assert answers == [at % 2 == 0 for at in range(24)]
