"""Rounds and the home page without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.core import jobs
from app.core.db.base import now
from app.core.db.database import Database
from app.domain.accounts import actions as accounts_actions
from app.domain.accounts.tables import ApiToken
from app.domain.pairs import actions as pairs_actions, content as pair_content
from app.domain.pairs.tables import Pair
from app.domain.reviews import actions as reviews_actions
from app.domain.rounds import actions as rounds_actions, queries as rounds_queries
from app.domain.rounds.tables import Round
from app.web.rounds import due
from tests.fixtures.people import Cast

SOON = (now() + timedelta(days=1)).date().isoformat()
LATER = (now() + timedelta(days=20)).date().isoformat()
SLICE = {"domain": "clinical", "language": "en"}
SignedIn = Callable[..., TestClient]


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def form(cast: Cast, **given: Any) -> dict[str, Any]:
    return {
        "title": "Rashes",
        "brief": "Write **rashes**.",
        "deadline": SOON,
        "target_domain": ["clinical", ""],
        "target_language": ["en", ""],
        "target_category": ["", ""],
        "target_difficulty": ["", ""],
        "target_tag": ["", "tone"],
        "target_value": ["", "plain"],
        "target_count": ["5", "2"],
        "assignee": [cast.alice.id],
        f"assigned:{cast.alice.id}": "3",
        **given,
    }


def opened(database: Database, cast: Cast, **given: Any) -> Round:
    asked: dict[str, Any] = {"title": "Rashes", "brief": "", "targets": [{"tags": SLICE, "count": 5}], **given}
    with database.session() as session:
        return rounds_actions.create_round(session, cast.carol, cast.project, **asked)


def written(database: Database, cast: Cast, round_: Round | None, prompt: str, decision: str | None = None) -> Pair:
    content = pair_content.pair(prompt, "Clinical desk", source="Own work", licence="CC0", tags=SLICE)
    with database.session() as session:
        pair = pairs_actions.create(session, cast.alice, cast.project, content, round_id=round_.id if round_ else None)
        pairs_actions.submit(session, cast.alice, pair)
        if decision:
            lease = reviews_actions.take_next(session, cast.bob, cast.project)
            assert lease is not None
            reviews_actions.decide(
                session, cast.bob, pair, lease=lease.id, decision=decision, ratings={}, comment="Say since when."
            )
        return pair


def test_create_edit_close_round(cast: Cast, database: Database, signed_in: SignedIn) -> None:
    carol = signed_in(cast.carol)
    page = carol.get("/projects/clinic/rounds").text
    answer = carol.post("/projects/clinic/rounds", data={"csrf": csrf(page), **form(cast)})
    assert answer.status_code == 303
    path = answer.headers["location"]
    page = carol.get(path).text
    assert "Due tomorrow" in page and "<strong>rashes</strong>" in page
    with database.read() as session:
        one = session.scalars(select(Round)).one()
        assert one.targets == [{"tags": SLICE, "count": 5}, {"tags": {"tone": "plain"}, "count": 2}]
        assert rounds_queries.assignees(session, [one])[one.id] == {cast.alice.id: 3}
    changed = form(cast, title="Rashes, again", assignee=[], deadline="")
    assert carol.post(path, data={"csrf": csrf(page), **changed}).status_code == 303
    page = carol.get(path).text
    assert "Rashes, again" in page and "Due tomorrow" not in page
    assert carol.post(f"{path}/close", data={"csrf": csrf(page)}).status_code == 303
    assert "Edit round" not in carol.get(path).text


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"target_count": ["many", "2"]}, "as a whole number"),
        ({"deadline": "2020-01-01"}, "is in the past"),
        ({"title": " "}, "needs a title"),
        ({"target_count": ["", "2"]}, "Enter the number of pairs for clinical × en"),
    ],
)
def test_invalid_round_keeps_input(cast: Cast, signed_in: SignedIn, wrong: dict[str, Any], words: str) -> None:
    carol = signed_in(cast.carol)
    token = csrf(carol.get("/projects/clinic/rounds").text)
    answer = carol.post("/projects/clinic/rounds", data={"csrf": token, **form(cast, **wrong)})
    assert answer.status_code == 422 and words in answer.text
    assert "Write **rashes**." in answer.text


def test_round_forms_need_admin(cast: Cast, database: Database, signed_in: SignedIn) -> None:
    round_ = opened(database, cast)
    for person, status in ((cast.alice, 403), (cast.bob, 403), (cast.dave, 404)):
        client = signed_in(person)
        token = csrf(client.get("/").text)
        assert "Create round" not in client.get("/projects/clinic/rounds").text
        for path in ("/projects/clinic/rounds", f"/projects/clinic/rounds/{round_.id}"):
            assert client.post(path, data={"csrf": token, **form(cast)}).status_code == status


def test_home_orders_expert_tasks(cast: Cast, database: Database, signed_in: SignedIn) -> None:
    opened(database, cast, title="Some day")
    opened(database, cast, title="Later", deadline=LATER, assignees=[{"user": cast.alice.id}])
    first = opened(database, cast, title="Soon", deadline=SOON, assignees=[{"user": cast.alice.id, "count": 4}])
    opened(database, cast, title="For others", deadline=SOON, assignees=[{"user": cast.bob.id}])
    written(database, cast, first, "Blue toe since this morning, cold to the touch, age 71.", "return")
    page = signed_in(cast.alice).get("/").text
    order = [page.index(words) for words in ("Say since when.", ": Soon", ": Later", ": Some day", "Your pairs")]
    assert order == sorted(order)
    assert "For others" not in page and "Due tomorrow" in page
    assert re.search(r"<strong>You:</strong> 0 of 4 approved, 1 returned", page)


def test_next_pair_link_fills_tags(cast: Cast, database: Database, signed_in: SignedIn) -> None:
    opened(database, cast)
    alice = signed_in(cast.alice)
    link = re.search(r'href="([^"]+)">Write next: clinical × en', alice.get("/").text)
    assert link
    page = alice.get(link[1].replace("&amp;", "&")).text
    assert re.search(r'name="tag:domain"[^>]*value="clinical"', page)
    assert "Rashes" in page


def test_reached_target_has_no_link(cast: Cast, database: Database, signed_in: SignedIn) -> None:
    round_ = opened(database, cast, targets=[{"tags": SLICE, "count": 1}])
    written(database, cast, round_, "Sore throat since Monday without fever, age 30.", "accept")
    page = signed_in(cast.alice).get("/").text
    assert "Write next" not in page and "1 of 1 approved" in page


def test_home_shows_queue_to_editor(cast: Cast, database: Database, signed_in: SignedIn) -> None:
    pair = written(database, cast, None, "Blue toe since this morning, cold to the touch, age 71.")
    with database.session() as session:
        session.get_one(Pair, pair.id).updated_at = now() - timedelta(days=3)
    page = signed_in(cast.bob).get("/").text
    assert re.search(r"<strong>1</strong> pair to review; oldest.*3 days ago", page, re.S)
    assert "Write next" not in page


def test_home_warns_admin(cast: Cast, database: Database, signed_in: SignedIn) -> None:
    late = opened(database, cast, title="Too late")
    carol = signed_in(cast.carol)
    assert "trainer" not in carol.get("/").text
    with database.session() as session:
        session.get_one(Round, late.id).deadline = now() - timedelta(days=2)
        failed = jobs.enqueue(session, "import", {}, project_id=cast.project.id)
        failed.state, failed.finished_at = "failed", now()
        jobs.enqueue(session, "train", {}, project_id=cast.project.id).created_at = now() - timedelta(hours=1)
        jobs.enqueue(session, "version", {}, project_id=cast.project.id).created_at = now() - timedelta(hours=1)
    page = carol.get("/").text
    assert "Behind target" in page and "has passed with 0 of 5" in page
    assert f'href="/jobs/{failed.id}">Import in Clinic' in page
    assert "No trainer has connected yet" in page and "1 job has been waiting" in page
    with database.session() as session:
        accounts_actions.issue_token(session, user=cast.carol, scope="worker")
        session.flush()
        session.scalars(select(ApiToken).where(ApiToken.scope == "worker")).one().last_used_at = now() - timedelta(
            hours=2
        )
    assert "No trainer has connected since" in carol.get("/").text
    assert "trainer" not in signed_in(cast.alice).get("/").text


def test_overview_charts_have_tables(cast: Cast, database: Database, signed_in: SignedIn) -> None:
    round_ = opened(database, cast, deadline=LATER)
    written(database, cast, round_, "Sore throat since Monday without fever, age 30.", "accept")
    page = signed_in(cast.alice).get("/projects/clinic").text
    assert 'data-chart="heat"' in page and 'data-chart="throughput"' in page
    assert "A forecast needs 3 full days of work." in page
    assert re.search(r"<th scope=\"row\">clinical</th>\s*<td[^>]*>1 <span[^>]*>of 1</span>", page)


def test_contributors_need_reviewer(cast: Cast, database: Database, signed_in: SignedIn) -> None:
    people = [{"user": cast.alice.id}, {"user": cast.bob.id}]
    path = f"/projects/clinic/rounds/{opened(database, cast, assignees=people).id}"
    assert (
        "Your progress" in signed_in(cast.alice).get(path).text
        and "<td>Bob" not in signed_in(cast.alice).get(path).text
    )
    assert "<td>Alice" in signed_in(cast.bob).get(path).text


def test_deadline_labels() -> None:
    at = now().replace(year=2026, month=11, day=30)
    days = [at.date() + timedelta(days=shift) for shift in (-5, -1, 0, 1, 3)]
    assert [due(at, day) for day in days] == [
        "5 days left", "Due tomorrow", "Due today", "1 day overdue", "3 days overdue",
    ]  # fmt: skip
    assert due(None) == ""
