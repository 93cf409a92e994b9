"""The review queue for scripts: opinions, rulings, gold pairs, leases, agreement, older rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.db.database import Database
from app.domain.projects import settings as project_settings
from app.domain.projects.tables import Project
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import content

API = "/api/v1"
AsUser = Callable[..., TestClient]


@pytest.fixture
def choose(database: Database, cast: Cast) -> Callable[..., None]:
    def make(overlap: int = 1, **chosen: Any) -> None:
        with database.session() as session:
            project = session.get_one(Project, cast.project.id)
            project.overlap, project.settings = overlap, project_settings.of(chosen)

    return make


def write(alice: TestClient, number: int = 1, **tags: str) -> str:
    body = {name: value for name, value in content(number, **tags).as_dict().items()}
    pair = alice.post(f"{API}/projects/clinic/pairs", json=body).json()["id"]
    assert alice.post(f"{API}/pairs/{pair}/submit").status_code == 200
    return str(pair)


def judge(user: TestClient, decision: str = "accept", **given: Any) -> Any:
    item = user.post(f"{API}/projects/clinic/reviews/next")
    assert item.status_code == 200, item.text
    body = {"lease": item.json()["lease"], "decision": decision, "comment": "Because.", **given}
    answer = user.post(f"{API}/pairs/{item.json()['pair']['id']}/reviews", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_reviews_are_blind(cast: Cast, as_user: AsUser, choose: Any) -> None:
    choose(overlap=2)
    alice, bob, carol = (as_user(one) for one in (cast.alice, cast.bob, cast.carol))
    pair = write(alice)
    assert judge(bob, ratings={"accuracy": 4})["state"] == "in_review"
    for user, seen in ((bob, 1), (carol, 0), (alice, 0)):
        assert len(user.get(f"{API}/pairs/{pair}").json()["reviews"]) == seen
    assert judge(carol)["state"] == "approved"
    assert len(alice.get(f"{API}/pairs/{pair}").json()["reviews"]) == 2
    assert bob.post(f"{API}/projects/clinic/reviews/next").status_code == 204


def test_decision_serves_next_pair(cast: Cast, as_user: AsUser, choose: Any) -> None:
    choose()
    alice, bob = as_user(cast.alice), as_user(cast.bob)
    pairs = [write(alice, number) for number in (1, 2)]
    held = bob.post(f"{API}/projects/clinic/reviews/next").json()
    once = {"Idempotency-Key": "the first verdict"}

    def decide(item: Any, **asked: Any) -> Any:
        body = {"lease": item["lease"], "decision": "accept"}
        answer = bob.post(f"{API}/pairs/{item['pair']['id']}/reviews", json=body, params={"next": True}, **asked)
        assert answer.status_code == 201, answer.text
        return answer.json()

    first, again = decide(held, headers=once), decide(held, headers=once)
    assert [first["pair_id"], first["state"], first["next"]["pair"]["id"]] == [pairs[0], "approved", pairs[1]]
    assert [again["id"], again["next"]["lease"]] == [first["id"], first["next"]["lease"]]
    assert decide(first["next"])["next"] is None


def test_escalation_is_adjudicated(cast: Cast, as_user: AsUser, choose: Any) -> None:
    choose()
    alice, bob, carol = (as_user(one) for one in (cast.alice, cast.bob, cast.carol))
    pair = write(alice)
    judge(bob, "escalate")
    (item,) = carol.get(f"{API}/projects/clinic/adjudications").json()["items"]
    assert (item["pair"]["id"], [one["decision"] for one in item["opinions"]]) == (pair, ["escalate"])
    assert bob.post(f"{API}/pairs/{pair}/adjudication", json={"decision": "accept"}).status_code == 403
    assert carol.post(f"{API}/pairs/{pair}/adjudication", json={"decision": "escalate"}).status_code == 422
    ruling = carol.post(f"{API}/pairs/{pair}/adjudication", json={"decision": "accept", "ratings": {"accuracy": 5}})
    assert (ruling.status_code, ruling.json()["kind"], ruling.json()["state"]) == (201, "adjudication", "approved")
    assert carol.post(f"{API}/pairs/{pair}/adjudication", json={"decision": "accept"}).status_code == 409


def test_gold_pair_is_not_recognizable(cast: Cast, as_user: AsUser, choose: Any) -> None:
    choose(gold_first=1)
    alice, bob, carol = (as_user(one) for one in (cast.alice, cast.bob, cast.carol))
    plain, gold = write(alice, 1), write(alice, 2)
    right = {"decision": "return", "ratings": {"accuracy": 2}, "explanation": "The day is missing."}
    assert bob.post(f"{API}/pairs/{gold}/gold", json=right).status_code == 403
    assert carol.post(f"{API}/pairs/{gold}/gold", json=right).status_code == 201
    assert [one["id"] for one in bob.get(f"{API}/projects/clinic/pairs").json()["items"]] == [plain]
    first = bob.post(f"{API}/projects/clinic/reviews/next").json()
    assert first["pair"]["id"] == gold
    shown = bob.get(f"{API}/pairs/{gold}").json()
    answer = judge(bob, ratings={"accuracy": 3})
    assert answer["gold"]["explanation"] == "The day is missing." and answer["gold"]["decision"] == "return"
    second = bob.post(f"{API}/projects/clinic/reviews/next").json()
    ordinary = bob.get(f"{API}/pairs/{plain}").json()
    assert second["pair"]["id"] == plain and set(first["pair"]) == set(second["pair"])
    assert first["pair"]["state"] == second["pair"]["state"] == shown["state"] == ordinary["state"] == "in_review"
    assert set(shown) == set(ordinary) and shown["reviews"] == ordinary["reviews"] == []
    assert judge(bob)["gold"] is None
    rates = bob.get(f"{API}/projects/clinic/gold").json()
    assert rates["items"] == [] and list(rates["rates"]) == [cast.bob.id]
    decision, exact, near = rates["rates"][cast.bob.id][:3]
    assert (decision["hits"], exact["hits"], near["hits"], near["n"]) == (0, 0, 1, 1)
    assert carol.post(f"{API}/pairs/{gold}/gold/retire").json()["state"] == "submitted"


def test_lease_can_be_taken_over(cast: Cast, as_user: AsUser, choose: Any) -> None:
    choose()
    alice, bob, carol = (as_user(one) for one in (cast.alice, cast.bob, cast.carol))
    pair = write(alice)
    held = bob.post(f"{API}/projects/clinic/reviews/next").json()["lease"]
    (item,) = bob.get(f"{API}/projects/clinic/leases").json()["items"]
    assert (item["lease"], item["pair"], item["reviewer"]) == (held, pair, cast.bob.id)
    assert alice.get(f"{API}/projects/clinic/leases").status_code == 403
    assert bob.post(f"{API}/leases/{held}/take-over").status_code == 403
    taken = carol.post(f"{API}/leases/{held}/take-over").json()
    late = bob.post(f"{API}/pairs/{pair}/reviews", json={"lease": held, "decision": "accept"})
    assert (late.status_code, late.json()["error"]) == (409, "lease_lost")
    done = carol.post(f"{API}/pairs/{pair}/reviews", json={"lease": taken["lease"], "decision": "accept"})
    assert done.json()["state"] == "approved"


def test_agreement_needs_a_minimum(cast: Cast, as_user: AsUser, choose: Any) -> None:
    choose(overlap=2, least_for_agreement=2)
    alice, bob, carol = (as_user(one) for one in (cast.alice, cast.bob, cast.carol))
    for number in range(2):
        write(alice, number)
        for user in (bob, carol):
            judge(user, ratings={"accuracy": 4 + number})
        decision, accuracy = bob.get(f"{API}/projects/clinic/agreement").json()["questions"][:2]
        assert (decision["n"], decision["lacking"], decision["percent"] is None) == (number + 1, 1 - number, not number)
    assert (accuracy["name"], accuracy["percent"]["value"], accuracy["gwet"]["value"]) == ("accuracy", 1.0, 1.0)
    assert decision["alpha"]["value"] is None, "nobody ever chose a second value"
    assert alice.get(f"{API}/projects/clinic/agreement").status_code == 403


def test_older_approvals_are_reviewed_again(cast: Cast, as_user: AsUser, choose: Any) -> None:
    choose()
    alice, bob, carol = (as_user(one) for one in (cast.alice, cast.bob, cast.carol))
    pair = write(alice)
    judge(bob)
    assert bob.get(f"{API}/projects/clinic/older-approvals").json()["count"] == 0
    carol.post(f"{API}/projects/clinic/guidelines", json={"text": "# Anew"})
    assert bob.get(f"{API}/projects/clinic/older-approvals").json() == {"count": 1, "items": [pair], "next": None}
    again = f"{API}/projects/clinic/older-approvals/review-again"
    assert bob.post(again, json={"pairs": [pair]}).status_code == 403
    assert carol.post(again, json={"pairs": [pair]}).json() == {"sent": 1}
    assert carol.post(again, json={"pairs": [pair]}).status_code == 409
    assert judge(bob)["state"] == "approved"


def test_queue_is_filtered_by_tag(cast: Cast, as_user: AsUser, choose: Any) -> None:
    choose()
    alice, bob = as_user(cast.alice), as_user(cast.bob)
    skin, *hearts = (
        write(alice, number, domain=domain) for number, domain in enumerate(["dermatology", "Cardiology", "cardiology"])
    )
    path, heart = f"{API}/projects/clinic/reviews/next", {"tag": "domain:cardiology"}
    assert bob.post(path, params={"tag": "domain:oncology"}).status_code == 204
    item = bob.post(path, params=heart).json()
    served = [item["pair"]["id"]]
    while item:
        body = {"lease": item["lease"], "decision": "accept"}
        answer = bob.post(f"{API}/pairs/{item['pair']['id']}/reviews", json=body, params={"next": True, **heart})
        assert answer.status_code == 201, answer.text
        if item := answer.json()["next"]:
            served.append(item["pair"]["id"])
    assert served == hearts
    assert bob.post(path, params=heart).status_code == 204
    assert bob.post(path).json()["pair"]["id"] == skin
    assert bob.post(path, params=heart).json()["pair"]["id"] == skin, "what is on the desk comes first"


@pytest.mark.parametrize("tag", [["cardiology"], ["domain:"], [":x"], [""], ["domain:a", "domain:b"]])
def test_malformed_tag_is_refused(cast: Cast, as_user: AsUser, choose: Any, tag: list[str]) -> None:
    choose()
    pair = write(as_user(cast.alice))
    bob = as_user(cast.bob)
    held = bob.post(f"{API}/projects/clinic/reviews/next").json()
    body = {"lease": held["lease"], "decision": "accept"}
    for path, json in ((f"/pairs/{pair}/reviews", body), ("/projects/clinic/reviews/next", None)):
        refused = bob.post(f"{API}{path}", json=json, params={"tag": tag, "next": True})
        assert refused.status_code == 422 and "name:value" in refused.text
    assert bob.get(f"{API}/pairs/{pair}").json()["reviews"] == [], "nothing was recorded"
    listed = bob.get(f"{API}/projects/clinic/pairs", params={"tag": tag})
    assert listed.status_code == (200 if len(tag) > 1 else 422)
