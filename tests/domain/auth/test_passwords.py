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
def test_the_commonest_passwords_are_refused_in_any_case(tally) -> None:
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
def test_short_long_and_personal_ones_are_refused(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        passwords.check_allowed(password, **WHO)
    assert refused.value.field == "password"


@pytest.mark.parametrize("password", ALLOWED)
def test_any_characters_will_do(password: str) -> None:
    passwords.check_allowed(password, **WHO)
    assert passwords.matches(passwords.hashed(password), password)


def test_argon2id_with_at_least_owasps_parameters() -> None:
    stored = passwords.hashed("correct horse battery")
    kind, version, parameters = stored.split("$")[1:4]
    given = dict(pair.split("=") for pair in parameters.split(","))
    assert (kind, version) == ("argon2id", "v=19")
    assert int(given["m"]) >= 19456 and int(given["t"]) >= 2
    assert not passwords.is_outdated(stored)
    assert passwords.is_outdated(PasswordHasher(time_cost=1, memory_cost=8192).hash("x"))


def test_a_composed_letter_equals_a_decomposed_one() -> None:
    assert passwords.matches(passwords.hashed("caf\u00e9 au lait"), "cafe\u0301 au lait")


@pytest.mark.parametrize("stored", [None, "", "not a hash", "$argon2id$v=19$m=65536,t=3,p=4$x"])
def test_without_a_usable_hash_nothing_matches(stored: str | None) -> None:
    assert not passwords.matches(stored, "anything at all")


def test_a_flood_of_hashes_waits_its_turn() -> None:
    stored = passwords.hashed("correct horse battery")
    with ThreadPoolExecutor(12) as pool:
        answers = list(
            pool.map(lambda at: passwords.matches(stored, "correct horse battery" + "!" * (at % 2)), range(24))
        )
    assert answers == [at % 2 == 0 for at in range(24)]
