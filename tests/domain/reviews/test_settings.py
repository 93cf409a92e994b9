"""Changes of the overlap and the criteria, which leave earlier submissions and ratings as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from app.core.db.database import Database
from app.core.errors import Conflict, Forbidden, Invalid
from app.domain.accounts.tables import User
from app.domain.audit.tables import AuditEvent
from app.domain.auth import actions as auth_actions
from app.domain.pairs import actions as pairs_actions
from app.domain.projects import criteria as project_criteria
from app.domain.projects.tables import Project
from app.domain.review_quality import actions as review_quality_actions
from app.domain.reviews import actions as reviews_actions, queries as reviews_queries, settings_actions
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import configure_project, editors, review_next, submitted
from tests.fixtures.web_client import Browser, actions_since, last_event

TONE = {"name": "tone", "question": "Would a patient feel spoken to?", "levels": {"1": "Cold", "5": "Warm"}}
NAMES = ["accuracy", "relevance", "guideline"]
SETTINGS = "/api/v1/projects/clinic/settings"
PAGE = "/projects/clinic/settings"


def names(project: Project) -> list[str]:
    return [criterion["name"] for criterion in project.criteria]


def last_change(session: Session) -> dict[str, Any]:
    events = session.query(AuditEvent).filter_by(action="project.judging_changed").order_by(AuditEvent.id).all()
    return dict(events[-1].details)


# --- overlap ---


def test_higher_overlap_for_new_pairs(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        before = submitted(session, cast.alice, project, 1)
        settings_actions.change_review_settings(session, cast.carol, project, overlap=2)
        after = submitted(session, cast.alice, project, 2)
        assert (before.reviews_needed, after.reviews_needed) == (1, 2)
        for _ in range(2):
            review_next(session, cast.bob, project)
        assert (before.state, after.state) == ("approved", "in_review")
        assert last_change(session) == {"overlap": [1, 2]}


def test_lower_overlap_keeps_submitted(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast, overlap=2)
        bob, other = editors(session, cast, 2)
        pair = submitted(session, cast.alice, project)
        review_next(session, bob, project)
        settings_actions.change_review_settings(session, cast.carol, project, overlap=1)
        session.refresh(pair)
        assert pair.state == "in_review"
        review_next(session, other, project)
        assert pair.state == "approved"


def test_old_submissions_keep_overlap(database: Database, cast: Cast) -> None:
    """As in a database from before pairs stored the number of required reviews."""
    with database.session() as session:
        project = configure_project(session, cast)
        returned, waiting = (submitted(session, cast.alice, project, number) for number in (1, 2))
        review_next(session, cast.bob, project, "return")
        pairs_actions.discard(session, cast.alice, returned)
        returned.reviews_needed = waiting.reviews_needed = None
        draft = pairs_actions.create(
            session,
            cast.alice,
            project,
            pairs_actions.content_of(session.get_one(pairs_actions.Revision, returned.current_revision_id)),
        )
        settings_actions.change_review_settings(session, cast.carol, project, overlap=3)
        assert (returned.reviews_needed, waiting.reviews_needed, draft.reviews_needed) == (1, 1, None)
        assert reviews_actions.restore(session, cast.alice, returned).state == "changes_requested"
        assert review_next(session, cast.bob, project).pair_id == waiting.id
        assert waiting.state == "approved"


@pytest.mark.parametrize("overlap", [0, 10, -1])
def test_overlap_out_of_range_fails(overlap: int, database: Database, cast: Cast) -> None:
    with database.session() as session, pytest.raises(Invalid):
        settings_actions.change_review_settings(session, cast.carol, configure_project(session, cast), overlap=overlap)


def test_no_change_is_not_recorded(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        settings_actions.change_review_settings(session, cast.carol, project, overlap=1, criteria=project.criteria)
        assert session.query(AuditEvent).filter_by(action="project.judging_changed").count() == 0


# --- criteria ---


def test_criteria_reworded_added_removed(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        levels = {"1": "Wrong", "5": "Right"}
        reworded = {"name": "accuracy", "question": "Is it true?", "levels": levels, "bad": ""}
        settings_actions.change_review_settings(session, cast.carol, project, criteria=[reworded, "guideline", TONE])
        assert names(project) == ["accuracy", "guideline", "tone"]
        first = project.criteria[0]
        assert (first["question"], first["levels"], first["bad"]) == ("Is it true?", levels, "")
        assert first["good"] == project_criteria.DEFAULT[0]["good"], "missing parts stay as they were"
        assert last_change(session) == {"added": ["tone"], "removed": ["relevance"], "reworded": ["accuracy"]}
        submitted(session, cast.alice, project)
        assert review_next(session, cast.bob, project, ratings={"tone": 4}).ratings["tone"] == 4
        settings_actions.change_review_settings(
            session, cast.carol, project, criteria=["tone", "accuracy", "guideline"]
        )
        assert last_change(session) == {"order": ["tone", "accuracy", "guideline"]}
        assert project.criteria[1] == first


def test_rated_criterion_stays(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        submitted(session, cast.alice, project)
        review = review_next(session, cast.bob, project, ratings={"accuracy": 5, "relevance": None})
        reviews_actions.undo(session, cast.bob, review)
        with pytest.raises(Conflict, match="'accuracy' has ratings"):
            settings_actions.change_review_settings(session, cast.carol, project, overlap=2, criteria=["guideline"])
        assert (names(project), project.overlap) == (NAMES, 1)
        settings_actions.change_review_settings(session, cast.carol, project, criteria=["accuracy"])
        assert names(project) == ["accuracy"], "null is not a rating"


def test_gold_rated_criterion_stays(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        pair = submitted(session, cast.alice, project)
        review_quality_actions.mark(
            session, cast.carol, pair, decision="return", ratings={"relevance": 2}, explanation="No day."
        )
        assert reviews_queries.rated_criteria(session, project, NAMES) == {"relevance"}


@pytest.mark.parametrize(
    "criteria",
    [
        [],
        ["accuracy", "Accuracy"],
        [{"name": "x" * 61}],
        [{"name": " "}],
        [{"name": "tone", "levels": {"6": "More"}}],
        [{"name": "tone", "levels": {"1": " ", "2": ""}}],
        [{"name": "tone", "question": "?" * 501}],
        [{"name": "tone", "levels": {"1": "x" * 501}}],
        [{"name": "tone", "good": "x" * 2001}],
        [f"criterion {number}" for number in range(13)],
    ],
)
def test_invalid_criteria_are_rejected(criteria: list[Any]) -> None:
    with pytest.raises(Invalid):
        project_criteria.parse(criteria, project_criteria.DEFAULT)


# --- API and page ---


def test_review_settings_api(database: Database, cast: Cast, as_user: Callable[..., TestClient]) -> None:
    carol = as_user(cast.carol)
    changed = carol.patch(SETTINGS, json={"overlap": 3, "criteria": [*NAMES, TONE], "gold": 0.1}).json()
    assert (changed["overlap"], [criterion["name"] for criterion in changed["criteria"]]) == (3, [*NAMES, "tone"])
    assert carol.get(SETTINGS).json() == changed and changed["gold"] == 0.1
    for wrong in ({"overlap": 0, "gold": 0.2}, {"overlap": 2, "gold": 2}, {"criteria": []}, {"criteria": [7]}):
        assert carol.patch(SETTINGS, json=wrong).status_code == 422
    assert carol.get(SETTINGS).json() == changed
    with database.session() as session, pytest.raises(Forbidden):
        settings_actions.change_review_settings(session, cast.bob, session.get_one(Project, cast.project.id), overlap=1)


def sign_in_carol(app: Any, database: Database, cast: Cast) -> Browser:
    browser = Browser(app)
    with database.session() as session:
        raw = auth_actions.start_session(session, session.get_one(User, cast.carol.id))
    browser.client.cookies.set("preceptor_session", raw)
    return browser


def form(criteria: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The fields of the criteria, including the empty row for a new criterion."""
    rows = [*criteria, {"name": "", "question": "", "levels": {}, "good": "", "bad": ""}]
    columns: dict[str, Any] = {
        f"criterion_{part}": [row.get(part, "") for row in rows] for part in ("name", "question", "good", "bad")
    }
    levels = {f"criterion_level_{at}": [row["levels"].get(at, "") for row in rows] for at in project_criteria.LEVELS}
    return {**columns, **levels, **more}


def test_review_settings_page(database: Database, cast: Cast, app: Any) -> None:
    carol, before = sign_in_carol(app, database, cast), last_event(database)
    assert (
        carol.send(
            PAGE, **form(project_criteria.DEFAULT, overlap="1", gold_first="0", least_for_agreement="20")
        ).status_code
        == 303
    )
    assert actions_since(database, before) == [], "saving the page unchanged changes nothing"
    sent = form(
        [*project_criteria.DEFAULT, TONE], overlap="2", least_for_agreement="20", criterion_removed=["relevance"]
    )
    assert carol.send(PAGE, **sent).status_code == 303
    page = carol.get(PAGE).text
    assert 'value="tone"' in page and 'value="relevance"' not in page
    with database.read() as session:
        project = session.get_one(Project, cast.project.id)
        assert (names(project), project.overlap) == (["accuracy", "guideline", "tone"], 2)
    assert actions_since(database, before) == ["project.judging_changed"]


def test_stale_page_keeps_new_criteria(database: Database, cast: Cast, app: Any) -> None:
    with database.session() as session:
        settings_actions.change_review_settings(
            session, cast.carol, session.get_one(Project, cast.project.id), criteria=[*NAMES, TONE]
        )
    assert sign_in_carol(app, database, cast).send(PAGE, **form(project_criteria.DEFAULT)).status_code == 303
    with database.read() as session:
        assert names(session.get_one(Project, cast.project.id)) == [*NAMES, "tone"]


@pytest.mark.parametrize(
    ("more", "status"),
    [({"overlap": "12"}, 422), ({"gold": "400"}, 422), ({"criterion_removed": [*NAMES, "tone"]}, 422),
     ({"criterion_removed": ["accuracy"]}, 409)],
)  # fmt: skip
def test_rejected_form_keeps_input(more: dict[str, Any], status: int, database: Database, cast: Cast, app: Any) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        submitted(session, cast.alice, project)
        review_next(session, cast.bob, project, ratings={"accuracy": 5})
    before = last_event(database)
    sent = form([*project_criteria.DEFAULT, {**TONE, "levels": {"1": "Icy"}}]) | {
        "overlap": "2",
        "least_for_agreement": "20",
    }
    answer = sign_in_carol(app, database, cast).send(PAGE, **(sent | more))
    assert answer.status_code == status
    assert "Your changes were not saved." in answer.text and "Icy" in answer.text
    with database.read() as session:
        project = session.get_one(Project, cast.project.id)
        assert (names(project), project.overlap) == (NAMES, 1)
    assert [action for action in actions_since(database, before) if action != "request.denied"] == []
