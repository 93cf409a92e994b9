"""The card of a version counts the declarations of its authors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from app.core.db.database import Database
from app.domain.accounts.tables import User
from app.domain.pairs import actions as pairs_actions
from app.domain.pairs.declarations import Declared
from app.domain.projects.tables import Project
from app.domain.versions import actions as versions_actions, queries as versions_queries
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import WORDS, content, review_next

WAIVERS = [{"code": "pii", "reason": "The street is part of the exercise."}]
DECLARED = [
    Declared("none", 0.5, [*WAIVERS, {"code": "arithmetic", "reason": "The task needs a wrong sum."}]),
    Declared("none", 0.1, WAIVERS),
    Declared("spelling", 0.0, []),
]
"""Declarations of the first three pairs; the others have none."""


def freeze(database: Database, storage: Any, cast: Cast, declared: list[Declared]) -> str:
    """Freeze a version of twelve approved pairs, with these declarations of the first ones."""
    with database.session() as session:
        alice, bob = (session.get_one(User, user.id) for user in (cast.alice, cast.bob))
        project = session.get_one(Project, cast.project.id)
        for at in range(12):
            declaration = declared[at] if at < len(declared) else Declared()
            pair = pairs_actions.create(session, alice, project, content(at * (len(WORDS) + 1)), declared=declaration)
            pairs_actions.submit(session, alice, pair)
            review_next(session, bob, project)
        job = versions_actions.request_version(session, session.get_one(User, cast.carol.id), project, name="v")
        job.state = "done"
        return versions_actions.freeze(session, versions_queries.prepare_version(session, storage, job.payload)).id


def card(client: TestClient, version: str) -> str:
    return client.get(f"/versions/{version}/card.md").text.replace("\\", "")


def test_card_counts_declarations(
    database: Database, app: Any, cast: Cast, signed_in: Callable[[User], TestClient], as_user: Callable[..., Any]
) -> None:
    version = freeze(database, app.state.storage, cast, DECLARED)
    text = card(signed_in(cast.bob), version)
    assert "| Not stated | 9 |" in text and "| None | 2 |" in text and "| Spelling and grammar | 1 |" in text
    assert "Pasted text: 20% of a text on average, over 3 examples." in text
    assert "| Personal data | 2 |" in text and "| 1 |" in text.partition("| Personal data | 2 |")[2]
    assert "exercise" not in text and "Alice" not in text  # reasons are private texts of the authors
    provenance = as_user(cast.bob).get(f"/api/v1/versions/{version}/provenance").json()
    assert provenance["waivers"] == [{"code": "pii", "count": 2}, {"code": "arithmetic", "count": 1}]
    assert provenance["pasted"]["count"] == 3 and abs(provenance["pasted"]["mean"] - 0.2) < 1e-9
    assert "Spelling and grammar" in signed_in(cast.bob).get(f"/versions/{version}/lineage").text


def test_card_without_declarations(
    database: Database, app: Any, cast: Cast, signed_in: Callable[[User], TestClient]
) -> None:
    text = card(signed_in(cast.bob), freeze(database, app.state.storage, cast, []))
    assert "| Not stated | 12 |" in text and "not counted in any example" in text
    assert "No warning was kept with a reason." in text
