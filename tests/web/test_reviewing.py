"""The review pages without JavaScript: reviewing, adjudication, leases, gold pairs, agreement, outdated approvals."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.db.database import Database
from app.domain.accounts.tables import User
from app.domain.guidelines import actions as guidelines_actions
from app.domain.projects.tables import Project
from app.domain.review_quality import actions as review_quality_actions
from app.domain.reviews import actions as reviews_actions
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import configure_project, review_next, submitted

SignedIn = Callable[[User], TestClient]
ROOT = "/projects/clinic/reviews"


@pytest.fixture
def made(database: Database, cast: Cast) -> Callable[..., list[str]]:
    """made(2, overlap=2): so many submitted pairs of Alice's; their ids."""

    def make(count: int, overlap: int = 1, **settings: Any) -> list[str]:
        with database.session() as session:
            project = configure_project(session, cast, overlap=overlap, **settings)
            return [submitted(session, cast.alice, project, number).id for number in range(count)]

    return make


def send(client: TestClient, page: str, path: str, **fields: Any) -> Any:
    token = re.search(r'name="csrf" value="([^"]+)"', client.get(page).text)
    assert token, f"no form on {page}"
    return client.post(path, data={"csrf": token[1], **fields})


def take(client: TestClient) -> tuple[str, str, str]:
    """(URL of the review page, its HTML, lease)."""
    desk = send(client, ROOT, f"{ROOT}/next").headers["location"]
    html = client.get(desk).text
    lease = re.search(r'name="lease" value="([^"]+)"', html)
    assert lease
    return desk, html, lease[1]


def test_decision_leases_next_pair(signed_in: SignedIn, cast: Cast, made: Any) -> None:
    pairs = made(2)
    bob = signed_in(cast.bob)
    desk, html, lease = take(bob)
    assert desk == f"/pairs/{pairs[0]}/review" and "Release <kbd>G</kbd>" in html
    answer = send(bob, desk, desk, lease=lease, decision="accept", **{"rating:accuracy": "5"})
    assert answer.headers["location"] == f"/pairs/{pairs[1]}/review"
    assert bob.get(answer.headers["location"]).status_code == 200


def test_lost_lease_keeps_input(database: Database, signed_in: SignedIn, cast: Cast, made: Any) -> None:
    made(1)
    bob, carol = signed_in(cast.bob), signed_in(cast.carol)
    desk, html, lease = take(bob)
    assert "Bob" in carol.get(f"{ROOT}/leases").text and "Take over" not in bob.get(f"{ROOT}/leases").text
    csrf = re.search(r'name="csrf" value="([^"]+)"', html)
    assert csrf
    taken = send(carol, f"{ROOT}/leases", f"/leases/{lease}/take-over")
    assert taken.headers["location"] == desk and carol.get(desk).status_code == 200
    typed = {"decision": "return", "comment": "The day is missing.", "rating:accuracy": "2"}
    refused = bob.post(desk, data={"csrf": csrf[1], "lease": lease, **typed})
    assert refused.status_code == 409
    assert "The day is missing." in refused.text and "Not saved" in refused.text
    assert re.search(r'name="rating:accuracy" value="2"[^>]*checked', refused.text)


def test_missing_reason_keeps_input(signed_in: SignedIn, cast: Cast, made: Any) -> None:
    made(1)
    bob = signed_in(cast.bob)
    desk, _, lease = take(bob)
    refused = send(bob, desk, desk, lease=lease, decision="reject", comment=" ", **{"rating:relevance": "1"})
    assert refused.status_code == 422 and "Give a reason" in refused.text
    assert re.search(r'name="rating:relevance" value="1"[^>]*checked', refused.text)


def test_pair_page_is_blind(database: Database, signed_in: SignedIn, cast: Cast, made: Any) -> None:
    (pair,) = made(1, overlap=2)
    with database.session() as session:
        review_next(session, cast.carol, session.get_one(Project, cast.project.id), comment="Carol's secret reason.")
    bob = signed_in(cast.bob)
    assert "secret reason" not in bob.get(f"/pairs/{pair}").text
    desk, html, lease = take(bob)
    assert "secret reason" not in html
    send(bob, desk, desk, lease=lease, decision="accept")
    assert "secret reason" in bob.get(f"/pairs/{pair}").text


def test_adjudicate_escalated_pair(database: Database, signed_in: SignedIn, cast: Cast, made: Any) -> None:
    (pair,) = made(1)
    with database.session() as session:
        project = session.get_one(Project, cast.project.id)
        review_next(session, cast.bob, project, "escalate", comment="Two desks could do it.")
    bob, carol = signed_in(cast.bob), signed_in(cast.carol)
    assert "You can't decide this one" in bob.get(f"{ROOT}/adjudicate").text
    assert bob.get(f"/pairs/{pair}/adjudicate").status_code == 403
    page = f"/pairs/{pair}/adjudicate"
    assert page in carol.get(f"{ROOT}/adjudicate").text
    assert "Two desks could do it." in carol.get(page).text
    assert send(carol, page, page, decision="return").status_code == 422
    assert send(carol, page, page, decision="accept", comment="Rule 3.").status_code == 303
    assert "Nothing to adjudicate" in carol.get(f"{ROOT}/adjudicate").text


def test_gold_answer_follows_decision(database: Database, signed_in: SignedIn, cast: Cast, made: Any) -> None:
    gold, plain = made(2, gold_first=1)
    carol, bob = signed_in(cast.carol), signed_in(cast.bob)
    page = f"/pairs/{gold}/gold"
    assert bob.get(page).status_code == 403
    right = {"decision": "return", "comment": "The day is missing.", "rating:accuracy": "2"}
    assert send(carol, page, page, **{**right, "comment": ""}).status_code == 422
    assert send(carol, page, page, **right).status_code == 303
    desk, html, lease = take(bob)
    assert desk == f"/pairs/{gold}/review" and "gold" not in html.lower()
    assert "gold" not in bob.get(f"/pairs/{gold}").text.lower()
    answer = send(bob, desk, desk, lease=lease, decision="accept", **{"rating:accuracy": "5"})
    assert answer.headers["location"] == f"/pairs/{plain}/review"
    after = bob.get(answer.headers["location"]).text
    assert "The day is missing." in after and "gold pair" in after
    assert "0 of 1" in bob.get(f"{ROOT}/gold").text and "The day is missing." not in bob.get(f"{ROOT}/gold").text
    assert "The day is missing." in carol.get(f"{ROOT}/gold").text
    assert send(carol, f"{ROOT}/gold", f"/pairs/{gold}/gold/retire").status_code == 303


def test_agreement_needs_reviewer(signed_in: SignedIn, cast: Cast, made: Any) -> None:
    made(1)
    bob, alice = signed_in(cast.bob), signed_in(cast.alice)
    page = bob.get("/projects/clinic/agreement")
    assert page.status_code == 200 and "20 more double-reviewed pairs" in page.text
    assert "/projects/clinic/agreement" in bob.get("/projects/clinic").text
    assert "/projects/clinic/agreement" not in alice.get("/projects/clinic").text
    assert alice.get("/projects/clinic/agreement").status_code == 403


def test_outdated_approvals_sent_back(database: Database, signed_in: SignedIn, cast: Cast, made: Any) -> None:
    (pair,) = made(1)
    with database.session() as session:
        project = session.get_one(Project, cast.project.id)
        review_next(session, cast.bob, project)
        guidelines_actions.publish(session, cast.carol, project, text="# Anew")
    bob, carol = signed_in(cast.bob), signed_in(cast.carol)
    for page in ("/projects/clinic/guidelines", "/projects/clinic/pairs"):
        assert f"{ROOT}/older" in bob.get(page).text
    assert "Send selected to review" not in bob.get(f"{ROOT}/older").text
    assert send(carol, f"{ROOT}/older", f"{ROOT}/older", which="chosen", pair=pair).status_code == 303
    assert "No outdated approvals" in carol.get(f"{ROOT}/older").text


def test_precedents_are_shown(database: Database, signed_in: SignedIn, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        for number in (0, 16 * 16):
            submitted(session, cast.alice, project, number)
        review_next(session, cast.bob, project, comment="As the list says.")
    _, html, _ = take(signed_in(cast.bob))
    assert "Precedents" in html and "As the list says." in html


def test_gold_pair_can_be_released(database: Database, signed_in: SignedIn, cast: Cast, made: Any) -> None:
    (gold,) = made(1, gold_first=1)
    with database.session() as session:
        pair = session.get_one(reviews_actions.Pair, gold)
        review_quality_actions.mark(session, cast.carol, pair, decision="return", ratings={}, explanation="No day.")
    bob = signed_in(cast.bob)
    desk, _, lease = take(bob)
    assert send(bob, desk, f"/leases/{lease}/release", back=ROOT).status_code == 303
    with database.read() as session:
        assert session.get_one(reviews_actions.Pair, gold).state == "submitted"
