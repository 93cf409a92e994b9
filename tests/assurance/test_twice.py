"""A request that is sent twice is done once (G17)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.core.database import Database
from app.domain.pairs.tables import Pair
from tests.people import Cast

PATH = "/api/v1/projects/clinic/pairs"
KEY = {"Idempotency-Key": "one-key-of-a-script"}


def body(words: str = "Where do I sign?") -> dict[str, Any]:
    messages = [{"role": "user", "content": words}, {"role": "assistant", "content": "desk"}]
    return {"messages": messages, "source": "the desk", "licence": "CC0-1.0"}


def count(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Pair)) or 0


@pytest.mark.assurance
def test_twenty_equal_requests_make_one_pair(
    cast: Cast, database: Database, as_user: Callable[..., TestClient], tally: Any
) -> None:
    alice = as_user(cast.alice)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: alice.post(PATH, json=body(), headers=KEY), range(20)))
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    assert len({answer.text for answer in answers}) == 1
    assert count(database) == 1
    other = alice.post(PATH, json=body("Another?"), headers=KEY)
    assert (other.status_code, other.json()["field"]) == (422, "Idempotency-Key")
    assert as_user(cast.bob).post(PATH, json=body(), headers=KEY).status_code in (201, 403), "keys are one user's own"
    tally("repeated requests answered", 20)


def test_a_refused_request_does_not_use_up_its_key(
    cast: Cast, database: Database, as_user: Callable[..., TestClient]
) -> None:
    alice = as_user(cast.alice)
    refused = alice.post(PATH, json={**body(), "source": ""}, headers=KEY)
    assert refused.status_code == 422, refused.text
    assert alice.post(PATH, json=body(), headers=KEY).status_code == 201
    assert count(database) == 1


def test_without_a_key_every_request_counts(cast: Cast, database: Database, as_user: Callable[..., TestClient]) -> None:
    alice = as_user(cast.alice)
    assert [alice.post(PATH, json=body()).status_code for _ in range(2)] == [201, 201]
    assert count(database) == 2
