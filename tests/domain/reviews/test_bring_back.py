"""A discarded pair comes back as what the verdicts on it make of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.core.database import Database
from app.core.errors import Conflict, Forbidden
from app.domain.accounts.tables import User
from app.domain.audit.tables import AuditEvent
from app.domain.pairs import actions as pairs
from app.domain.pairs import queries as pair_queries
from app.domain.provenance import actions as provenance
from app.domain.reviews import actions
from app.domain.signin import actions as signin
from tests.domain.reviews.desk import chosen, content, judge, submitted
from tests.people import Cast
from tests.web.browser import Browser, actions_since, last_event


def test_a_draft_comes_back_as_a_draft(database: Database, cast: Cast) -> None:
    with database.session() as session:
        pair = pairs.create(session, cast.alice, chosen(session, cast), content(1))
        pairs.discard(session, cast.alice, pair)
        actions.bring_back(session, cast.alice, pair)
        assert (pair.state, pair.discarded_at) == ("draft", None)
        event = session.query(AuditEvent).filter_by(action="pair.brought_back").one()
        assert (event.subject_id, event.actor, event.details) == (pair.id, cast.alice.id, {"state": "draft"})
        assert pairs.submit(session, cast.alice, pair).state == "submitted"


def test_a_returned_pair_comes_back_returned(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = chosen(session, cast)
        pair = submitted(session, cast.alice, project)
        judge(session, cast.bob, project, "return")
        pairs.discard(session, cast.alice, pair)
        assert actions.bring_back(session, cast.alice, pair).state == "changes_requested"
        again = pairs.create(session, cast.alice, project, content(1))
        problems = pair_queries.current(session, again).problems
        assert "duplicate" in [one["code"] for one in problems], "it is found as a duplicate again"


def test_a_return_that_was_undone_meanwhile_leaves_it_in_the_queue(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = chosen(session, cast)
        pair = submitted(session, cast.alice, project)
        verdict = judge(session, cast.bob, project, "return")
        pairs.discard(session, cast.alice, pair)
        actions.undo(session, cast.bob, verdict)
        assert pair.state == "discarded"
        assert actions.bring_back(session, cast.alice, pair).state == "submitted"


def test_only_the_author_brings_back_and_only_what_was_discarded(database: Database, cast: Cast) -> None:
    with database.session() as session:
        pair = pairs.create(session, cast.alice, chosen(session, cast), content(1))
        with pytest.raises(Conflict):
            actions.bring_back(session, cast.alice, pair)
        pairs.discard(session, cast.alice, pair)
        with pytest.raises(Forbidden):
            actions.bring_back(session, cast.bob, pair)
        assert pair.state == "discarded"


def test_what_an_erasure_took_does_not_come_back(database: Database, cast: Cast, app: Any) -> None:
    with database.session() as session:
        pair = pairs.create(session, cast.alice, chosen(session, cast), content(1))
        pairs.discard(session, cast.alice, pair)
        alice, pair_id = session.get_one(User, cast.alice.id), pair.id
        provenance.erase(session, app.state.storage, cast.carol, alice, content="keep")
    provenance.sweep(database, app.state.storage, app.state.settings.erasures_path)
    with database.session() as session, pytest.raises(Conflict):
        actions.bring_back(session, cast.carol, pair_queries.by_id(session, pair_id))


def test_over_the_api_and_on_the_page(
    database: Database, cast: Cast, app: Any, as_user: Callable[..., TestClient]
) -> None:
    with database.session() as session:
        pair = pairs.create(session, cast.alice, chosen(session, cast), content(1))
        raw = signin.start_session(session, cast.alice)
    alice, browser, at = as_user(cast.alice), Browser(app), f"/pairs/{pair.id}"
    browser.client.cookies.set("preceptor_session", raw)
    assert as_user(cast.alice).post(f"/api/v1{at}/discard").json()["state"] == "discarded"
    assert alice.post(f"/api/v1{at}/bring-back").json()["state"] == "draft"
    assert alice.post(f"/api/v1{at}/bring-back").status_code == 409
    before = last_event(database)
    assert browser.send(f"{at}/discard", page=at).status_code == 303
    assert "Bring back" in browser.get(at).text
    assert browser.send(f"{at}/bring-back", page=at).headers["location"] == at
    assert "Bring back" not in browser.get(at).text
    assert actions_since(database, before) == ["pair.discarded", "pair.brought_back"]
