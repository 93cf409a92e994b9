"""Importing on the page as a browser without JavaScript does it: upload, look, say what is what, import."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import func, select

from app.bootstrap import Installation
from app.core import jobs
from app.core.db.base import now
from app.core.db.database import Database
from app.core.storage import Storage
from app.domain.imports.tables import Upload
from app.domain.pairs.tables import Pair, Revision
from app.domain.privacy import actions as privacy_actions
from app.settings import Settings
from app.worker import loop
from tests.fixtures.people import Cast

TABLE = (
    b"question,answer,topic,notes\n"
    b"Where do I pay my bill?,billing,money,a\n"
    b"May I have my chart?,records,files,b\n"
    b"Where is the lift?,,house,c\n"
)
ORIGIN = {"source": "the desk", "license": "CC0-1.0"}


class Page:
    """A signed-in browser that follows a form's hidden fields."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def hidden(self, text: str, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', text)
        assert found, name
        return unescape(found[1])

    def upload(self, data: bytes, name: str = "table.csv", form: str = "auto") -> Any:
        csrf = self.hidden(self.client.get("/projects/clinic/imports").text, "csrf")
        sent = {"csrf": csrf, "format": form}
        return self.client.post("/projects/clinic/imports", data=sent, files={"file": (name, data)})

    def look(self, where: str, **columns: str) -> str:
        answer = self.client.get(where, params=columns or None)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def send(self, where: str, page: str, **fields: str) -> Any:
        sent = {name: self.hidden(page, name) for name in ("csrf", "format", "map")}
        return self.client.post(where.partition("?")[0], data={**sent, **fields})


@pytest.fixture
def installation(database: Database, settings: Settings) -> Installation:
    return Installation(settings, database, Storage(settings.resolved_storage_url))


@pytest.fixture
def bob(cast: Cast, signed_in: Any) -> Page:
    return Page(signed_in(cast.bob))


@pytest.fixture
def alice(cast: Cast, signed_in: Any) -> Page:
    return Page(signed_in(cast.alice))


def count(database: Database, table: Any) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_unknown_columns_are_guessed_shown_changed_and_imported(bob: Page, installation: Installation) -> None:
    where = bob.upload(TABLE).headers["location"]
    page = bob.look(where)
    assert "columns were guessed from their names" in page and "May I have my chart?" in page
    assert "2 pairs</h2>" in page and "Row 4:" in page
    assert json.loads(bob.hidden(page, "map")) == {"prompt": ["question"], "completion": ["answer"]}
    chosen = bob.look(where, c0="prompt", c1="completion", c2="tags", c3="source")
    assert re.search(r"topic <b>money</b>", chosen)
    refused = bob.send(where, chosen, **{**ORIGIN, "source": ""})
    assert refused.status_code == 422 and "Row 4" in refused.text
    job = bob.send(where, chosen, **{**ORIGIN, "source": ""}, skip_bad="yes", submit="yes")
    assert job.status_code == 303, job.text
    loop.drain(installation)
    ended = bob.look(job.headers["location"])
    assert "Download errors" in ended
    with installation.database.read() as session:
        rows = session.execute(select(Revision.prompt, Revision.tags, Revision.source).order_by(Revision.prompt)).all()
    assert [tuple(row) for row in rows] == [
        ("May I have my chart?", {"topic": "files"}, "b"),
        ("Where do I pay my bill?", {"topic": "money"}, "a"),
    ]
    [bad] = bob.client.get(job.headers["location"] + "/errors").text.splitlines()
    assert json.loads(bad)["row"] == 4 and "lift" in json.loads(bad)["text"]
    assert bob.client.get(where).status_code == 404, "an upload is used once"


def test_a_known_format_needs_no_choice_and_takes_one(bob: Page) -> None:
    rows = [{"instruction": f"Where is ward {n}?", "input": "", "output": "left", "topic": "way"} for n in range(12)]
    where = bob.upload(json.dumps(rows).encode(), "rows.json").headers["location"]
    page = bob.look(where)
    assert "Alpaca instructions" in page and "First 10 of 12 pairs" in page and bob.hidden(page, "map") == ""
    other = bob.look(where, c0="completion", c2="prompt")
    assert json.loads(bob.hidden(other, "map")) == {"completion": ["instruction"], "prompt": ["output"], "tags": []}


def test_half_a_mapping_is_answered_with_words(bob: Page) -> None:
    where = bob.upload(TABLE).headers["location"]
    page = bob.look(where, c0="prompt")
    assert "both" in page and 'name="c1"' in page, "the columns stay, to go on with"


def test_source_and_license_are_needed(bob: Page, database: Database) -> None:
    where = bob.upload(b'{"prompt": "Where to?", "completion": "left"}\n', "x.jsonl").headers["location"]
    refused = bob.send(where, bob.look(where), source="", license="MIT")
    assert refused.status_code == 422 and "Enter the source" in refused.text and 'value="MIT"' in refused.text
    assert count(database, jobs.Job) == 0


def test_a_file_that_is_none_is_refused_at_the_door(bob: Page, database: Database) -> None:
    refused = bob.upload(b"\x1f\x8b" + b"x" * 40, "x.gz")
    assert refused.status_code == 422 and "gzip" in refused.text
    assert count(database, Upload) == 0


def test_approval_in_bulk_is_shown_and_taken_only_where_allowed(alice: Page, bob: Page) -> None:
    where = alice.upload(TABLE).headers["location"]
    page = alice.look(where)
    assert 'name="approve"' not in page
    assert alice.send(where, page, **ORIGIN, skip_bad="yes", approve="yes").status_code == 403
    assert 'name="approve"' in bob.look(bob.upload(TABLE).headers["location"])


def test_an_upload_is_its_owners_own(alice: Page, bob: Page) -> None:
    where = alice.upload(TABLE).headers["location"]
    assert bob.client.get(where).status_code == 404


def test_bad_rows_are_for_whoever_asked_and_who_manages(
    alice: Page, bob: Page, cast: Cast, signed_in: Any, installation: Installation
) -> None:
    where = alice.upload(TABLE).headers["location"]
    job = alice.send(where, alice.look(where), **ORIGIN, skip_bad="yes").headers["location"]
    loop.drain(installation)
    found = [client.get(f"{job}/errors").status_code for client in (alice.client, bob.client, signed_in(cast.carol))]
    assert found == [200, 404, 200]


def age(database: Database, by: timedelta) -> None:
    with database.session() as session:
        for upload in session.scalars(select(Upload)):
            upload.created_at = now() - by
        for job in session.scalars(select(jobs.Job).where(jobs.Job.finished_at.is_not(None))):
            job.finished_at = now() - by


def test_what_waits_goes_after_a_day_and_bad_rows_after_thirty(bob: Page, installation: Installation) -> None:
    where = bob.upload(TABLE).headers["location"]
    job = bob.send(where, bob.look(where), **ORIGIN, skip_bad="yes").headers["location"]
    loop.drain(installation)
    waiting = bob.upload(TABLE + b"One more?,yes,x,d\n").headers["location"]
    sweep = lambda: privacy_actions.sweep_uploads(installation.database, installation.storage)  # noqa: E731
    assert sweep() == 0
    age(installation.database, timedelta(days=2))
    assert sweep() == 1 and bob.client.get(waiting).status_code == 404
    assert bob.client.get(f"{job}/errors").status_code == 200
    age(installation.database, timedelta(days=31))
    assert sweep() == 1 and bob.client.get(f"{job}/errors").status_code == 404
    assert count(installation.database, Pair) == 2


def test_erasure_takes_what_waits_and_the_bad_rows(alice: Page, cast: Cast, installation: Installation) -> None:
    where = alice.upload(TABLE).headers["location"]
    alice.send(where, alice.look(where), **ORIGIN, skip_bad="yes")
    loop.drain(installation)
    alice.upload(TABLE + b"One more?,yes,x,d\n")
    kept = set(installation.storage.every())
    assert len(kept) == 3
    with installation.database.session() as session:
        carol, user = (session.merge(one) for one in (cast.carol, cast.alice))
        privacy_actions.erase(session, installation.storage, carol, user, content="withdraw")
    assert privacy_actions.sweep(installation.database, installation.storage, installation.settings.erasures_path) == 3
    assert not set(installation.storage.every()) & kept
    assert count(installation.database, Upload) == 0
