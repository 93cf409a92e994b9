"""Access control of the API: tokens, roles, other projects, leases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient

from tests.fixtures.people import Cast

PAIR: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Which desk renews my travel insurance letter?"},
                 {"role": "assistant", "content": "administration"}],
    "source": "written by Alice", "license": "CC0-1.0",
}  # fmt: skip
As = Callable[..., TestClient]


def write(client: TestClient) -> dict[str, Any]:
    answer = client.post("/api/v1/projects/clinic/pairs", json=PAIR)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_other_projects_are_not_found(cast: Cast, as_user: As) -> None:
    pair = write(as_user(cast.alice))["id"]
    dave = as_user(cast.dave)
    for method, path in (("GET", f"/pairs/{pair}"), ("POST", f"/pairs/{pair}/submit"), ("GET", "/projects/clinic"),
                         ("GET", "/projects/clinic/pairs"), ("POST", "/projects/clinic/reviews/next"),
                         ("GET", "/pairs/unknown")):  # fmt: skip
        answer = dave.request(method, f"/api/v1{path}")
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found"), path


def test_roles(cast: Cast, as_user: As) -> None:
    alice, bob = as_user(cast.alice), as_user(cast.bob)
    assert alice.post("/api/v1/projects/clinic/reviews/next").status_code == 403
    assert bob.post("/api/v1/projects/clinic/versions", json={"name": "v"}).status_code == 403
    assert bob.post("/api/v1/projects", json={"slug": "x", "name": "X"}).status_code == 403
    assert bob.get("/api/v1/audit").status_code == 403


def test_tokens(cast: Cast, as_user: As, client: TestClient) -> None:
    assert client.get("/api/v1/projects").status_code == 401
    assert client.get("/api/v1/projects", headers={"Authorization": "Bearer prc_guess"}).status_code == 401
    assert as_user(cast.alice, read_only=True).post("/api/v1/projects/clinic/pairs", json=PAIR).status_code == 403
    worker = as_user(cast.carol, scope="worker")
    assert worker.get("/api/v1/projects").status_code == 403
    assert worker.post("/worker/v1/claim", json={"worker": "w"}).status_code == 204
    assert as_user(cast.carol).post("/worker/v1/claim", json={"worker": "w"}).status_code == 403


def test_cookie_writes_from_own_pages_only(cast: Cast, signed_in: As) -> None:
    alice = signed_in(cast.alice)
    path = "/api/v1/projects/clinic/pairs"
    assert alice.get(path).status_code == 200
    assert alice.post(path, json=PAIR).status_code == 403
    assert alice.post(path, json=PAIR, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert alice.post(path, json=PAIR, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 201


def test_unknown_fields_are_refused(cast: Cast, as_user: As) -> None:
    alice = as_user(cast.alice)
    path = "/api/v1/projects/clinic/pairs"
    answer = alice.post(path, json={**PAIR, "state": "approved"})
    assert (answer.status_code, answer.json()["field"]) == (422, "state")
    answer = alice.post(path, json={**PAIR, "license": ""})
    assert (answer.status_code, answer.json()["field"]) == (422, "license")


def test_licence_is_accepted_as_license(cast: Cast, as_user: As) -> None:
    body = {name: value for name, value in PAIR.items() if name != "license"}
    response = as_user(cast.alice).post("/api/v1/projects/clinic/pairs", json={**body, "licence": "MIT"})
    assert (response.status_code, response.json()["license"]) == (201, "MIT")
    assert "licence" not in response.json()


def test_no_review_of_own_work(cast: Cast, as_user: As) -> None:
    bob, carol = as_user(cast.bob), as_user(cast.carol)
    own = write(bob)["id"]
    assert bob.post(f"/api/v1/pairs/{own}/submit").status_code == 200
    assert bob.post("/api/v1/projects/clinic/reviews/next").status_code == 204
    taken = carol.post("/api/v1/projects/clinic/reviews/next").json()
    verdict = {"lease": taken["lease"], "decision": "accept", "ratings": {"accuracy": 5}}
    assert bob.post(f"/api/v1/pairs/{own}/reviews", json=verdict).status_code == 403
    assert carol.post(f"/api/v1/pairs/{own}/reviews", json={**verdict, "ratings": {"beauty": 5}}).status_code == 422
    assert carol.post(f"/api/v1/pairs/{own}/reviews", json={**verdict, "decision": "reject"}).status_code == 422
    assert carol.post(f"/api/v1/pairs/{own}/reviews", json=verdict).json()["state"] == "approved"
    assert carol.post(f"/api/v1/pairs/{own}/reviews", json=verdict).status_code == 409


def test_review_is_of_submitted_text(cast: Cast, as_user: As) -> None:
    """An undone fix leaves the author's text in the queue and the editor's in the history."""
    alice, bob = as_user(cast.alice), as_user(cast.bob)
    pair = write(alice)
    alice.post(f"/api/v1/pairs/{pair['id']}/submit")
    fixed = [{**PAIR["messages"][0], "content": "Which desk renews a travel letter?"}, PAIR["messages"][1]]
    taken = bob.post("/api/v1/projects/clinic/reviews/next").json()
    verdict = {"lease": taken["lease"], "decision": "fix_and_accept", "ratings": {}, "messages": fixed}
    review = bob.post(f"/api/v1/pairs/{pair['id']}/reviews", json=verdict).json()
    assert bob.post(f"/api/v1/reviews/{review['id']}/undo").json()["state"] == "submitted"
    taken = bob.post("/api/v1/projects/clinic/reviews/next").json()
    assert taken["pair"]["messages"] == PAIR["messages"]
    again = bob.post(f"/api/v1/pairs/{pair['id']}/reviews", json={**verdict, "lease": taken["lease"]})
    assert again.status_code == 201, again.text
    history = bob.get(f"/api/v1/pairs/{pair['id']}").json()["revisions"]
    assert [revision["number"] for revision in history] == [1, 2, 3]


def test_duplicate_cannot_be_submitted(cast: Cast, as_user: As) -> None:
    alice = as_user(cast.alice)
    first, second = write(alice)["id"], write(alice)["id"]
    assert alice.post(f"/api/v1/pairs/{first}/submit").status_code == 200
    answer = alice.post(f"/api/v1/pairs/{second}/submit")
    assert (answer.status_code, answer.json()["error"]) == (409, "blocked")
    assert "duplicate" in answer.json()["detail"]


def test_hostile_ids_do_not_crash(cast: Cast, as_user: As) -> None:
    carol = as_user(cast.carol)
    for path in ("/pairs/%00", "/runs/..%2f..", "/versions/' OR 1=1", "/jobs/" + "9" * 400, "/findings/x/round"):
        method = "POST" if path.endswith("round") else "GET"
        assert carol.request(method, f"/api/v1{path}").status_code in (404, 422), path
    assert carol.get("/api/v1/projects/clinic/pairs?limit=9999").status_code == 422
    assert carol.get("/api/v1/audit?cursor=abc").status_code in (200, 422)
    assert carol.get("/api/v1/projects/clinic/pairs?q=%25_%27").status_code == 200
