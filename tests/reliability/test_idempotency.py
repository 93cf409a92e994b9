"""A request that is sent twice is done once (G17)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.bootstrap import Installation
from app.core import jobs
from app.core.db.database import Database
from app.core.storage import Storage
from app.domain.pairs.tables import Pair
from app.domain.reviews.tables import Review
from app.settings import Settings
from app.worker import loop
from tests.fixtures.people import Cast

PATH = "/api/v1/projects/clinic/pairs"
KEY = {"Idempotency-Key": "one-key-of-a-script"}


def body(words: str = "Where do I sign?") -> dict[str, Any]:
    messages = [{"role": "user", "content": words}, {"role": "assistant", "content": "desk"}]
    return {"messages": messages, "source": "the desk", "license": "CC0-1.0"}


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


def twenty(send: Callable[[], Any]) -> Any:
    """The one answer that twenty equal requests at once get."""
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: send(), range(20)))
    assert {answer.status_code for answer in answers} <= {201, 202}, [answer.text for answer in answers]
    assert len({answer.text for answer in answers}) == 1
    return answers[0].json()


@pytest.mark.assurance
def test_twenty_equal_imports_and_versions_make_one_job_each(
    cast: Cast, database: Database, as_user: Callable[..., TestClient], settings: Settings, tally: Any
) -> None:
    bob, carol = as_user(cast.bob), as_user(cast.carol)
    given = {"source": "the desk", "license": "CC0-1.0", "approve": "true"}
    data = b"".join(b'{"prompt": "May I have form %d today?", "completion": "yes"}\n' % n for n in range(30))
    path = "/api/v1/projects/clinic"
    send = lambda body: bob.post(f"{path}/imports", files={"file": ("f.jsonl", body)}, data=given, headers=KEY)  # noqa: E731
    twenty(lambda: send(data))
    assert send(data + b"\n").status_code == 422, "another file under the same key"
    loop.drain(Installation(settings, database, Storage(settings.resolved_storage_url)))
    assert count(database) == 30
    twenty(lambda: carol.post(f"{path}/versions", json={"name": "One"}, headers=KEY))
    with database.read() as session:
        kinds = session.execute(select(jobs.Job.kind, func.count()).group_by(jobs.Job.kind)).all()
    assert {kind: number for kind, number in kinds if kind != "vectors"} == {"import": 1, "version": 1}
    tally("repeated requests answered", 40)


@pytest.mark.assurance
def test_twenty_equal_runs_and_decisions_are_one_each(
    cast: Cast, database: Database, as_user: Callable[..., TestClient], settings: Settings, tally: Any
) -> None:
    bob, carol = as_user(cast.bob), as_user(cast.carol)
    path = "/api/v1/projects/clinic"
    given = {"source": "the desk", "license": "CC0-1.0", "approve": "true"}
    data = b"".join(b'{"prompt": "May I have form %d today?", "completion": "yes"}\n' % n for n in range(30))
    bob.post(f"{path}/imports", files={"file": ("f.jsonl", data)}, data=given)
    pair = as_user(cast.alice).post(PATH, json=body()).json()["id"]
    as_user(cast.alice).post(f"/api/v1/pairs/{pair}/submit")
    installation = Installation(settings, database, Storage(settings.resolved_storage_url))
    loop.drain(installation)
    frozen = carol.post(f"{path}/versions", json={"name": "One"}).json()["id"]
    loop.drain(installation)
    version = carol.get(f"/api/v1/jobs/{frozen}").json()["result"]["version"]
    run = {"version": version, "recipe": {"max_minutes": 1}}
    first = twenty(lambda: carol.post(f"{path}/runs", json=run, headers=KEY))
    assert [one["id"] for one in carol.get(f"{path}/runs").json()["items"]] == [first["id"]]
    lease = bob.post(f"{path}/reviews/next").json()
    verdict = {"lease": lease["lease"], "decision": "accept", "ratings": {"accuracy": 5}}
    judged = f"/api/v1/pairs/{lease['pair']['id']}/reviews"
    twenty(lambda: bob.post(judged, json=verdict, headers=KEY))
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Review).where(Review.bulk.is_(False))) == 1
    tally("repeated requests answered", 40)
