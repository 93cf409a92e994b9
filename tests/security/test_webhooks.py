"""The whole way of a webhook: from an event, through the ledger, to a message that the documented snippet verifies."""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.bootstrap import Installation, open_installation
from app.core import jobs
from app.core.db.base import now
from app.core.db.database import Database
from app.core.jobs import Job
from app.domain.accounts.tables import User
from app.domain.audit.tables import AuditEvent
from app.domain.notifications import actions as notifications_actions
from app.domain.webhooks import delivery, tables as webhooks_tables
from app.domain.webhooks.tables import Webhook
from app.main import create_app
from app.settings import Settings
from app.worker import loop
from tests.conftest import KEY, ROOT
from tests.fixtures.people import Cast
from tests.fixtures.web_client import Browser
from tests.fixtures.webhook_receiver import CANARY, Receiver, listening
from tests.security.forbidden import forbidden

pytestmark = pytest.mark.assurance
Signed = Callable[..., TestClient]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as server:
        yield server


@pytest.fixture
def settings(database_url: str, tmp_path: Path, receiver: Receiver) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        database_url=database_url,
        secret_key=KEY,
        trusted_hosts=["testserver"],
        webhook_hosts=[f"127.0.0.1:{receiver.port}"],
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[Any]:
    app = create_app(settings)
    yield app
    app.state.database.dispose()


@pytest.fixture
def installation(settings: Settings) -> Iterator[Installation]:
    found = open_installation(settings)
    yield found
    found.database.dispose()


@pytest.fixture
def hook(cast: Cast, as_user: Signed, receiver: Receiver) -> dict[str, Any]:
    """A webhook made by the admin over the interface, with its secret."""
    body = {"url": f"http://127.0.0.1:{receiver.port}/hook?team=7", "kinds": ["run.done", "pair.returned"]}
    made = as_user(cast.carol).post("/api/v1/projects/clinic/webhooks", json=body)
    assert made.status_code == 201, made.text
    return dict(made.json())


def happen(database: Database, cast: Cast, kind: str = "run.done") -> None:
    """An event that two people hear of."""
    with database.session() as session:
        people = [cast.alice.id, cast.bob.id]
        notifications_actions.notify(
            session, people, cast.project.id, kind, "run", "a" * 32, number=3, note="Some text, by Alice", state="done"
        )


def documented_check(folder: Path) -> Callable[[str, bytes, str, float], bool]:
    """The ten lines of docs/webhooks.md, run as they stand there."""
    source = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "webhooks.md").read_text(), re.DOTALL)
    assert source is not None
    path = folder / "documented.py"
    path.write_text(source[1])
    spec = importlib.util.spec_from_file_location("documented", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    verify: Callable[[str, bytes, str, float], bool] = module.is_genuine
    return verify


def test_an_event_arrives_once_signed_and_without_text(
    database: Database,
    cast: Cast,
    hook: dict[str, Any],
    receiver: Receiver,
    installation: Installation,
    tmp_path: Path,
) -> None:
    happen(database, cast)
    happen(database, cast, "run.failed")  # not chosen
    loop.drain(installation)
    assert len(receiver.requests) == 1
    headers, body = receiver.requests[0]
    genuine, moment = documented_check(tmp_path), time.time()
    given = headers["preceptor-signature"]
    assert genuine(hook["secret"], body, given, moment)
    assert not genuine(hook["secret"], body + b" ", given, moment) and not genuine("whsec_other", body, given, moment)
    assert not genuine(hook["secret"], body, given, moment + 3600)
    at, _, mac = given.removeprefix("t=").partition(",v1=")
    assert mac == hmac.new(hook["secret"].encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    message = json.loads(body)
    assert set(message) == {"id", "kind", "subject", "project", "at", "details"}
    assert message["subject"] == {"kind": "run", "id": "a" * 32} and message["project"] == cast.project.id
    assert message["details"] == {"number": 3, "state": "done"}
    with database.read() as session:
        kept = session.get_one(Webhook, hook["id"])
        assert kept.last_sent_at and kept.last_error == "" and hook["secret"] not in kept.secret


def test_a_failed_delivery_is_tried_eight_times_and_repeats_nothing_of_the_answer(
    database: Database, cast: Cast, hook: dict[str, Any], receiver: Receiver, installation: Installation
) -> None:
    """Between two attempts lies a pause that grows; the test lets it pass by setting its end."""
    receiver.answer = (500, {"X-Canary": CANARY})
    happen(database, cast)
    pauses = []
    for attempt in range(1, 9):
        began = now()
        assert loop.work_once(installation, kinds=[webhooks_tables.DELIVERY])
        assert not loop.work_once(installation, kinds=[webhooks_tables.DELIVERY]), "no attempt before its time"
        with database.read() as session:
            assert session.get_one(Webhook, hook["id"]).last_error == f"responded with 500 (attempt {attempt} of 8)"
        if attempt < 8:
            pauses.append((_let_pass(database) - began).total_seconds() / 60)
    assert not loop.work_once(installation, kinds=[webhooks_tables.DELIVERY])
    assert len(receiver.requests) == 8
    middle = (1, 3, 9, 27, 81, 243, 360)
    assert all(0.74 * one <= pause <= 1.26 * one for one, pause in zip(middle, pauses, strict=True)), pauses
    messages = {body for _, body in receiver.requests}
    assert len(messages) == 1, "a receiver knows a repeated message by its id"
    with database.read() as session:
        job = session.query(Job).filter(Job.kind == webhooks_tables.DELIVERY).one()
        assert (job.state, job.reason, job.attempt) == ("failed", "not_delivered", 8)
        rows = [job.error, json.dumps(job.payload), json.dumps(job.result)]
        rows += [json.dumps(one.details) for one in session.query(AuditEvent)]
        assert not any(CANARY in one for one in rows)


def _let_pass(database: Database) -> datetime:
    """The pause of the only delivery is over; returns when it would have been."""
    with database.session() as session:
        job = session.query(Job).filter(Job.kind == webhooks_tables.DELIVERY).one()
        assert job.state == "queued" and job.lease_until is not None
        due, job.lease_until = job.lease_until, now()
        return due


def test_pauses_differ_by_chance_and_stay_within_bounds() -> None:
    pauses = [delivery.pause_after(attempt) for attempt in range(1, 60) for _ in range(20)]
    assert len(set(pauses)) > 1000, "receivers that come back do not meet everything at once"
    assert max(pauses) < jobs.LONGEST_PAUSE and min(pauses) >= timedelta(seconds=45)


def test_a_pause_outlives_its_worker_and_a_clock_that_leapt_back_does_not_prolong_it(
    database: Database, cast: Cast, hook: dict[str, Any], receiver: Receiver, installation: Installation
) -> None:
    receiver.answer = (500, {})
    happen(database, cast)
    assert loop.work_once(installation, kinds=[webhooks_tables.DELIVERY])
    anew = open_installation(installation.settings)
    assert not loop.work_once(anew, kinds=[webhooks_tables.DELIVERY]), "another process keeps to the pause"
    with database.session() as session:
        session.query(Job).filter(Job.kind == webhooks_tables.DELIVERY).one().lease_until = now() + timedelta(days=2)
    assert loop.work_once(anew, kinds=[webhooks_tables.DELIVERY]), "nothing is put off for two days: a clock has leapt"
    anew.database.dispose()
    assert len(receiver.requests) == 2


def test_a_worker_that_dies_while_it_delivers_costs_one_attempt(
    database: Database, cast: Cast, hook: dict[str, Any], receiver: Receiver, installation: Installation
) -> None:
    happen(database, cast)
    clock = [0.0]
    watch = jobs.LeaseMonitor(60.0, clock=lambda: clock[0])
    assert loop.claim(database, "dies", watch, [webhooks_tables.DELIVERY]) is not None
    assert not loop.work_once(installation, monitor=watch, kinds=[webhooks_tables.DELIVERY])
    clock[0] += 61
    assert loop.work_once(installation, monitor=watch, kinds=[webhooks_tables.DELIVERY])
    with database.read() as session:
        job = session.query(Job).filter(Job.kind == webhooks_tables.DELIVERY).one()
        assert (job.state, job.attempt, len(receiver.requests)) == ("done", 2, 1)


def test_a_test_message_arrives_and_is_counted(
    app: Any, database: Database, cast: Cast, hook: dict[str, Any], receiver: Receiver, installation: Installation,
    signed_in: Callable[[User], TestClient], tmp_path: Path,
) -> None:  # fmt: skip
    carol, path, page = Browser(app), f"/webhooks/{hook['id']}/test", "/projects/clinic/webhooks"
    carol.client = signed_in(cast.carol)
    assert carol.send(path, page=page).status_code == 303
    assert "1 pending" in carol.get(page).text
    loop.drain(installation)
    headers, body = receiver.requests[0]
    assert documented_check(tmp_path)(hook["secret"], body, headers["preceptor-signature"], time.time())
    message = json.loads(body)
    assert (message["kind"], message["subject"]) == ("webhook.test", {"kind": "webhook", "id": hook["id"]})
    assert "waits" not in carol.get(page).text
    receiver.answer = (500, {})
    assert carol.send(path, page=page).status_code == 303
    loop.drain(installation)
    listed = carol.get(page).text
    assert "responded with 500 (attempt 1 of 8)" in listed and "1 pending; next attempt" in listed
    assert [carol.send(path, page=page).status_code for _ in range(9)] == [303] * 8 + [429]
    with database.read() as session:
        tested = session.query(AuditEvent).filter(AuditEvent.action == "webhook.tested").count()
    assert tested == 10
    bob = Browser(app)
    bob.client = signed_in(cast.bob)
    assert bob.send(path, page="/").status_code == 403


def test_no_test_message_goes_to_a_host_that_is_off_the_list(
    app: Any, cast: Cast, hook: dict[str, Any], receiver: Receiver, signed_in: Callable[[User], TestClient]
) -> None:
    carol = Browser(app)
    carol.client = signed_in(cast.carol)
    app.state.settings.webhook_hosts.clear()
    refused = carol.send(f"/webhooks/{hook['id']}/test", page="/projects/clinic/webhooks")
    assert refused.status_code == 422 and "https" in refused.text and receiver.connections == 0


def test_a_host_that_is_taken_off_the_list_gets_nothing_more(
    database: Database, cast: Cast, hook: dict[str, Any], receiver: Receiver, installation: Installation
) -> None:
    happen(database, cast)
    closed = Installation(
        installation.settings.model_copy(update={"webhook_hosts": []}), installation.database, installation.storage
    )
    loop.drain(closed)
    assert receiver.connections == 0
    with database.read() as session:
        assert "https" in session.get_one(Webhook, hook["id"]).last_error


def test_only_admins_make_see_and_delete_webhooks(
    database: Database,
    cast: Cast,
    hook: dict[str, Any],
    as_user: Signed,
    receiver: Receiver,
    installation: Installation,
) -> None:
    carol = as_user(cast.carol)
    listed = carol.get("/api/v1/projects/clinic/webhooks").json()["items"]
    assert [one["id"] for one in listed] == [hook["id"]] and "secret" not in listed[0]
    for person, status in ((cast.bob, 403), (cast.dave, 404)):
        assert as_user(person).get("/api/v1/projects/clinic/webhooks").status_code == status
        assert as_user(person).delete(f"/api/v1/webhooks/{hook['id']}").status_code == status
    for url in [one for one in forbidden(receiver.port)[:60] if f"//127.0.0.1:{receiver.port}/" not in one]:
        made = carol.post("/api/v1/projects/clinic/webhooks", json={"url": url, "kinds": ["run.done"]})
        assert (made.status_code, made.json()["field"]) == (422, "url"), url
    for kinds in ([], ["no.such"]):
        body = {"url": hook["url"], "kinds": kinds}
        assert carol.post("/api/v1/projects/clinic/webhooks", json=body).status_code == 422
    happen(database, cast)
    assert carol.delete(f"/api/v1/webhooks/{hook['id']}").status_code == 204
    loop.drain(installation)
    assert receiver.connections == 0
