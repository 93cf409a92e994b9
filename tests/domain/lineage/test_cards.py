"""The card of a version counts what its authors declared beside the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from app.core.db.database import Database
from app.domain.accounts.tables import User
from app.domain.pairs import actions as pairs_actions
from app.domain.pairs.declarations import Declared
from app.domain.projects.tables import Project
from app.domain.versions import actions as versions_actions
from app.domain.versions import queries as versions_queries
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import WORDS, content, judge

KEPT = [{"code": "pii", "reason": "The street stands in the exercise."}]
DECLARED = [
    Declared("none", 0.5, [*KEPT, {"code": "arithmetic", "reason": "A wrong sum is asked for."}]),
    Declared("none", 0.1, KEPT),
    Declared("spelling", 0.0, []),
]
"""Of the first three pairs; the others say nothing."""


def frozen(database: Database, storage: Any, cast: Cast, declared: list[Declared]) -> str:
    """A version of twelve approved pairs, with what is declared of the first of them."""
    with database.session() as session:
        alice, bob = (session.get_one(User, one.id) for one in (cast.alice, cast.bob))
        project = session.get_one(Project, cast.project.id)
        for at in range(12):
            said = declared[at] if at < len(declared) else None
            pair = pairs_actions.create(session, alice, project, content(at * (len(WORDS) + 1)), declared=said)
            pairs_actions.submit(session, alice, pair)
            judge(session, bob, project)
        job = versions_actions.request_version(session, session.get_one(User, cast.carol.id), project, name="v")
        job.state = "done"
        return versions_actions.freeze(session, versions_queries.prepare_version(session, storage, job.payload)).id


def card(client: TestClient, version: str) -> str:
    return client.get(f"/versions/{version}/card.md").text.replace("\\", "")


def test_help_pasted_text_and_kept_warnings_are_counted(
    database: Database, app: Any, cast: Cast, signed_in: Callable[[User], TestClient], as_user: Callable[..., Any]
) -> None:
    version = frozen(database, app.state.storage, cast, DECLARED)
    text = card(signed_in(cast.bob), version)
    assert "| Not stated | 9 |" in text and "| No help | 2 |" in text and "| Spelling and grammar | 1 |" in text
    assert "Pasted text: 20% of a text on average, over 3 examples." in text
    assert "| Personal data | 2 |" in text and "| 1 |" in text.partition("| Personal data | 2 |")[2]
    assert "exercise" not in text and "Alice" not in text  # the reasons are the authors' own words
    told = as_user(cast.bob).get(f"/api/v1/versions/{version}/provenance").json()
    assert told["waivers"] == [{"code": "pii", "count": 2}, {"code": "arithmetic", "count": 1}]
    assert told["pasted"]["count"] == 3 and abs(told["pasted"]["mean"] - 0.2) < 1e-9
    assert "Spelling and grammar" in signed_in(cast.bob).get(f"/versions/{version}/lineage").text


def test_where_nothing_was_declared_the_card_says_so(
    database: Database, app: Any, cast: Cast, signed_in: Callable[[User], TestClient]
) -> None:
    text = card(signed_in(cast.bob), frozen(database, app.state.storage, cast, []))
    assert "| Not stated | 12 |" in text and "not counted in any example" in text
    assert "No warning was kept with a reason." in text
