"""Rounds and progress by the JSON API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.core.db.base import now
from app.core.db.database import Database
from app.domain.rounds.tables import Round
from tests.fixtures.people import Cast

ROUNDS = "/api/v1/projects/clinic/rounds"
SOON = (now() + timedelta(days=9)).date().isoformat()
TARGET = {"tags": {"domain": "clinical", "language": "en"}, "count": 4}
As = Callable[..., TestClient]


def opened(carol: TestClient, **given: Any) -> dict[str, Any]:
    answer = carol.post(ROUNDS, json={"title": "Rashes", **given})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_round_with_all_fields(cast: Cast, as_user: As) -> None:
    people = [{"user": cast.alice.id, "count": 3}]
    made = opened(as_user(cast.carol), targets=[TARGET], deadline=SOON, assignees=people)
    assert (made["targets"], made["deadline"], made["assignees"]) == ([TARGET], SOON, people)
    [listed] = as_user(cast.alice).get(ROUNDS).json()["items"]
    assert listed["progress"][0] | {"written": 0, "submitted": 0, "approved": 0, "lacking": 4} == listed["progress"][0]
    assert listed["people"][0]["user"] == cast.alice.id and listed["people"][0]["lacking"] == 3
    assert listed["throughput"]["target"] == 4 and listed["throughput"]["forecast"] is None
    assert as_user(cast.bob).get(f"{ROUNDS}/{made['id']}").json() == listed


def test_old_target_shape_is_accepted(cast: Cast, as_user: As, database: Database) -> None:
    old = {"tag": "category", "value": "rash", "count": 5}
    made = opened(as_user(cast.carol), targets=[old])
    assert made["targets"] == [{**old, "tags": {"category": "rash"}}]
    with database.session() as session:
        session.get_one(Round, made["id"]).targets = [old]
    [listed] = as_user(cast.alice).get(ROUNDS).json()["items"]
    assert listed["targets"] == made["targets"] and listed["progress"][0]["value"] == "rash"


def test_patch_changes_named_fields(cast: Cast, as_user: As) -> None:
    carol = as_user(cast.carol)
    made = opened(carol, targets=[TARGET], deadline=SOON, brief="Write.")
    changed = carol.patch(f"{ROUNDS}/{made['id']}", json={"title": "Anew", "deadline": None}).json()
    assert changed == {**made, "title": "Anew", "deadline": None}
    again = carol.patch(f"{ROUNDS}/{made['id']}", json={"targets": changed["targets"], "assignees": []})
    assert again.json() == changed


def test_closed_round_cannot_change(cast: Cast, as_user: As) -> None:
    carol = as_user(cast.carol)
    made = opened(carol)
    assert carol.post(f"{ROUNDS}/{made['id']}/close").json()["state"] == "closed"
    assert carol.post(f"{ROUNDS}/{made['id']}/close").status_code == 409
    assert carol.patch(f"{ROUNDS}/{made['id']}", json={"title": "Anew"}).status_code == 409


@pytest.mark.parametrize(
    "wrong",
    [
        {"targets": [{"tags": {}, "count": 4}]},
        {"targets": [{"tags": {"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"}, "count": 4}]},
        {"targets": [{**TARGET, "count": 0}]},
        {"deadline": "soon"},
        {"assignees": [{"email": "dave@example.org"}]},
        {"colour": "red"},
    ],
)
def test_invalid_round_is_refused(cast: Cast, as_user: As, wrong: dict[str, Any]) -> None:
    carol = as_user(cast.carol)
    assert carol.post(ROUNDS, json={"title": "Rashes", **wrong}).status_code == 422
    made = opened(carol)
    assert carol.patch(f"{ROUNDS}/{made['id']}", json=wrong).status_code == 422


def test_each_role(cast: Cast, as_user: As) -> None:
    made = opened(as_user(cast.carol))
    for person, changing, reading in ((cast.alice, 403, 200), (cast.bob, 403, 200), (cast.dave, 404, 404)):
        client = as_user(person)
        assert client.post(ROUNDS, json={"title": "x"}).status_code == changing
        assert client.patch(f"{ROUNDS}/{made['id']}", json={"title": "x"}).status_code == changing
        assert client.post(f"{ROUNDS}/{made['id']}/close").status_code == changing
        for path in (ROUNDS, f"{ROUNDS}/{made['id']}", "/api/v1/projects/clinic/progress"):
            assert client.get(path).status_code == reading
    assert as_user(cast.carol).get(f"{ROUNDS}/{'0' * 32}").status_code == 404


def test_author_sees_own_row_only(cast: Cast, as_user: As) -> None:
    people = [{"user": cast.alice.id}, {"user": cast.bob.id}]
    made = opened(as_user(cast.carol), assignees=people)
    seen = [as_user(one).get(f"{ROUNDS}/{made['id']}").json()["people"] for one in (cast.alice, cast.bob)]
    assert [one["user"] for one in seen[0]] == [cast.alice.id]
    assert len(seen[1]) == 2


def test_project_progress(cast: Cast, as_user: As) -> None:
    alice = as_user(cast.alice)
    made = opened(as_user(cast.carol), targets=[TARGET], deadline=SOON)
    turns = [{"role": "user", "content": "Cold blue toe, age 71?"}, {"role": "assistant", "content": "Emergency"}]
    body = {"messages": turns, "tags": TARGET["tags"], "source": "Own work", "license": "CC0", "round_id": made["id"]}
    pair = alice.post("/api/v1/projects/clinic/pairs", json=body).json()
    assert alice.post(f"/api/v1/pairs/{pair['id']}/submit").status_code == 200
    found = alice.get("/api/v1/projects/clinic/progress").json()
    assert found["counts"] == {"submitted": 1}
    assert found["rounds"][0]["progress"][0] | {"submitted": 1, "to_write": 3} == found["rounds"][0]["progress"][0]
    assert found["coverage"] == [{"domain": "clinical", "language": "en", "written": 1, "approved": 0}]
    assert found["own"]["pairs"]["submitted"] == 1 and found["own"]["reviews"]["all"] == 0
    assert found["approved_by_day"] == []
