"""A restored pair gets the state that follows from its reviews."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.core.db.database import Database
from app.core.errors import Conflict, Forbidden
from app.domain.accounts.tables import User
from app.domain.audit.tables import AuditEvent
from app.domain.auth import actions as auth_actions
from app.domain.pairs import actions as pairs_actions, queries as pairs_queries
from app.domain.privacy import actions as privacy_actions
from app.domain.reviews import actions as reviews_actions
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import configure_project, content, review_next, submitted
from tests.fixtures.web_client import Browser, actions_since, last_event


def test_restored_draft_is_a_draft(database: Database, cast: Cast) -> None:
    with database.session() as session:
        pair = pairs_actions.create(session, cast.alice, configure_project(session, cast), content(1))
        pairs_actions.discard(session, cast.alice, pair)
        reviews_actions.restore(session, cast.alice, pair)
        assert (pair.state, pair.discarded_at) == ("draft", None)
        event = session.query(AuditEvent).filter_by(action="pair.brought_back").one()
        assert (event.subject_id, event.actor, event.details) == (pair.id, cast.alice.id, {"state": "draft"})
        assert pairs_actions.submit(session, cast.alice, pair).state == "submitted"


def test_restored_return_is_returned(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        pair = submitted(session, cast.alice, project)
        review_next(session, cast.bob, project, "return")
        pairs_actions.discard(session, cast.alice, pair)
        assert reviews_actions.restore(session, cast.alice, pair).state == "changes_requested"
        again = pairs_actions.create(session, cast.alice, project, content(1))
        problems = pairs_queries.current(session, again).problems
        assert "duplicate" in [problem["code"] for problem in problems], "it is a duplicate again"


def test_undone_return_restores_to_queue(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        pair = submitted(session, cast.alice, project)
        review = review_next(session, cast.bob, project, "return")
        pairs_actions.discard(session, cast.alice, pair)
        reviews_actions.undo(session, cast.bob, review)
        assert pair.state == "discarded"
        assert reviews_actions.restore(session, cast.alice, pair).state == "submitted"


def test_only_author_restores_discarded(database: Database, cast: Cast) -> None:
    with database.session() as session:
        pair = pairs_actions.create(session, cast.alice, configure_project(session, cast), content(1))
        with pytest.raises(Conflict):
            reviews_actions.restore(session, cast.alice, pair)
        pairs_actions.discard(session, cast.alice, pair)
        with pytest.raises(Forbidden):
            reviews_actions.restore(session, cast.bob, pair)
        assert pair.state == "discarded"


def test_erased_pair_is_not_restored(database: Database, cast: Cast, app: Any) -> None:
    with database.session() as session:
        pair = pairs_actions.create(session, cast.alice, configure_project(session, cast), content(1))
        pairs_actions.discard(session, cast.alice, pair)
        alice, pair_id = session.get_one(User, cast.alice.id), pair.id
        privacy_actions.erase(session, app.state.storage, cast.carol, alice, content="keep")
    privacy_actions.sweep(database, app.state.storage, app.state.settings.erasures_path)
    with database.session() as session, pytest.raises(Conflict):
        reviews_actions.restore(session, cast.carol, pairs_queries.by_id(session, pair_id))


def test_restore_by_api_and_page(database: Database, cast: Cast, app: Any, as_user: Callable[..., TestClient]) -> None:
    with database.session() as session:
        pair = pairs_actions.create(session, cast.alice, configure_project(session, cast), content(1))
        raw = auth_actions.start_session(session, cast.alice)
    alice, browser, at = as_user(cast.alice), Browser(app), f"/pairs/{pair.id}"
    browser.client.cookies.set("preceptor_session", raw)
    assert as_user(cast.alice).post(f"/api/v1{at}/discard").json()["state"] == "discarded"
    assert alice.post(f"/api/v1{at}/bring-back").json()["state"] == "draft"
    assert alice.post(f"/api/v1{at}/bring-back").status_code == 409
    before = last_event(database)
    assert browser.send(f"{at}/discard", page=at).status_code == 303
    assert ">Restore</button>" in browser.get(at).text
    assert browser.send(f"{at}/undiscard", page=at).headers["location"] == at
    assert ">Restore</button>" not in browser.get(at).text
    assert actions_since(database, before) == ["pair.discarded", "pair.brought_back"]
