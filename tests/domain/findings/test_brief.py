"""The draft brief gives the slice's score and quotes no test example."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.accounts import queries as accounts_queries
from app.domain.findings import actions as findings_actions, queries as findings_queries
from app.domain.findings.tables import Finding
from app.domain.projects import queries as projects_queries
from tests.fixtures.sample_project import World, build


@pytest.fixture
def world(app: Any) -> World:
    return build(app)


def test_brief_names_the_slice_and_its_score(world: World) -> None:
    with world.app.state.database.read() as session:
        brief = findings_queries.draft_brief(session, session.get_one(Finding, world.ids["finding"]))
    assert "**category** is **rash**" in brief
    assert "exact match 46.0% (95% interval 31.0% to 61.0%) on 30 test examples, 88.0% on all 120" in brief


def test_brief_quotes_no_test_example(world: World) -> None:
    with world.app.state.database.session() as session:
        finding = session.get_one(Finding, world.ids["finding"])
        ada = accounts_queries.user_by_email(session, "ada@example.org")
        assert ada is not None and finding.failing
        brief = findings_actions.open_round(session, ada, finding).brief
        for answer in finding.failing:
            for text in (answer["prompt"], answer["reference"], answer["tuned"]["text"]):
                assert text not in brief and text[:30] not in brief


def test_brief_of_a_small_slice_has_no_numbers(world: World) -> None:
    with world.app.state.database.session() as session:
        ada, project = (
            accounts_queries.user_by_email(session, "ada@example.org"),
            projects_queries.by_slug(session, "triage"),
        )
        assert ada is not None and project is not None
        rare = findings_actions.create(
            session, ada, project, run_id=world.ids["run"], tag="category", value="hiccups", note="Seen by Edith."
        )
        brief = findings_queries.draft_brief(session, rare)
    assert brief.startswith("The tuned model is weak where **category** is **hiccups**.\n\nSeen by Edith.")
