"""Forms as a browser without JavaScript sends them."""

from __future__ import annotations

import re

from app.domain.accounts import queries as accounts_queries
from app.domain.auth import actions as auth_actions


def _hidden(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, name
    return found[1]


def _pair_form(page: str, prompt: str, completion: str) -> dict[str, object]:
    return {
        "csrf": _hidden(page, "csrf"),
        "expected_revision": _hidden(page, "expected_revision"),
        "role": ["user", "assistant"],
        "content": [prompt, completion],
        "source": "Own work",
        "license": "CC0",
        "tag:language": "en",
        "then": "review",
    }


def test_form_needs_csrf_token(visit):
    assert visit("emil").post("/projects/triage/pairs", data={"role": "user"}).status_code == 403


def test_write_submit_withdraw(visit):
    emil = visit("emil")
    page = emil.get("/projects/triage/pairs/new").text
    form = _pair_form(page, "I have had hiccups for an hour after lunch, age 33.", "Self-care")
    answer = emil.post("/projects/triage/pairs", data=form)
    assert answer.status_code == 303 and answer.headers["location"].endswith("/submit")
    path = answer.headers["location"].removesuffix("/submit")
    token = {"csrf": form["csrf"]}
    assert emil.post(f"{path}/submit", data=token).status_code == 303
    assert ">Withdraw</button>" in emil.get(path).text
    assert emil.post(f"{path}/withdraw", data=token).status_code == 303
    assert emil.post(f"{path}/discard", data=token).status_code == 303


def test_stale_save_keeps_text(world, visit):
    emil = visit("emil")
    page = emil.get(f"/pairs/{world.ids['draft']}/edit").text
    form = _pair_form(page, "Text that must not be lost", "Self-care") | {"expected_revision": "0" * 64}
    answer = emil.post(f"/pairs/{world.ids['draft']}/save", data=form)
    assert answer.status_code == 412 and "Text that must not be lost" in answer.text


def test_check_returns_fragment(visit):
    emil = visit("emil")
    page = emil.get("/projects/triage/pairs/new").text
    answer = emil.post(
        "/projects/triage/pairs/check", data=_pair_form(page, "Write to jane.roe@example.com", "Self-care")
    )
    assert answer.status_code == 200 and "<html" not in answer.text and "problem" in answer.text


def test_autosave_creates_then_saves(visit):
    emil = visit("emil")
    page = emil.get("/projects/triage/pairs/new").text
    form = _pair_form(page, "Blister on the heel after a long walk, 41 years.", "Self-care")
    made = emil.post("/projects/triage/pairs/autosave", data=form, headers={"accept": "application/json"})
    assert made.status_code == 200
    again = form | {
        "content": ["Blister on the heel after a march, 41 years.", "Self-care"],
        "expected_revision": made.json()["revision"],
    }
    saved = emil.post(made.json()["autosave"], data=again, headers={"accept": "application/json"})
    assert saved.json()["revision"] != made.json()["revision"]
    stale = emil.post(made.json()["autosave"], data=again, headers={"accept": "application/json"})
    assert stale.status_code == 412


def test_decide_opens_next_and_undo(visit):
    edith = visit("edith")
    token = {"csrf": _hidden(edith.get("/projects/triage/reviews").text, "csrf")}
    path = edith.post("/projects/triage/reviews/next", data=token).headers["location"]
    desk = edith.get(path).text
    assert edith.post(re.findall(r'data-renew="([^"]+)"', desk)[0], data=token).status_code == 204
    review = token | {"lease": _hidden(desk, "lease"), "decision": "accept", "rating:accuracy": "5", "comment": ""}
    answer = edith.post(path, data=review)
    assert answer.status_code == 303 and answer.headers["location"] != path
    queue = edith.get("/projects/triage/reviews").text
    undone = edith.post("/projects/triage/reviews/undo", data=token | {"review": _hidden(queue, "review")})
    assert undone.status_code == 303


def test_sign_in_link_works_once(world, visit):
    with world.app.state.database.session() as session:
        user = accounts_queries.user_by_email(session, "otto@example.org")
        assert user is not None
        raw = auth_actions.create_sign_in_link(session, user=user)
    stranger = visit(None)
    assert "Sign in as" in stranger.get(f"/sign-in/{raw}").text
    assert stranger.get(f"/sign-in/{raw}").status_code == 200
    answer = stranger.post(f"/sign-in/{raw}")
    assert answer.status_code == 303 and "httponly" in answer.headers["set-cookie"].lower()
    assert stranger.get("/").status_code == 200
    assert visit(None).post(f"/sign-in/{raw}").status_code == 404


def test_finished_run_events_end(world, visit):
    answer = visit("emil").get(f"/runs/{world.ids['run']}/events", headers={"last-event-id": "100"})
    assert answer.status_code == 200
    numbers = [int(one) for one in re.findall(r"^id: (\d+)", answer.text, re.M)]
    assert numbers == list(range(101, 110)) and "event: end" in answer.text
    assert visit("otto").get(f"/runs/{world.ids['run']}/events").status_code == 404


def test_slug_errors_name_the_field(visit):
    ada = visit("ada")
    page = ada.get("/projects/new").text
    assert re.search(r'<label for="[^"]*slug"[^>]*>\s*URL slug', page)
    form = {"csrf": _hidden(page, "csrf"), "name": "Twice", "task": "generation", "languages": "en"}
    for slug, said in (("Not This", "A URL slug has"), ("triage", "The URL slug")):
        answer = ada.post("/projects", data=form | {"slug": slug})
        assert answer.status_code in (409, 422) and said in answer.text, answer.text
        assert "address" not in answer.text.partition('role="alert"')[2].partition("</div>")[0]


def test_finding_creates_round(world, visit):
    ada = visit("ada")
    page = ada.get(f"/findings/{world.ids['finding']}").text
    form = {
        "csrf": _hidden(page, "csrf"),
        "title": "Improve rashes",
        "brief": "Write rashes.",
        "target_tag": ["category", "category"],
        "target_value": ["rash", ""],
        "target_count": ["12", ""],
    }
    assert ada.post(f"/findings/{world.ids['finding']}/round", data=form).status_code == 303
    assert "Improve rashes" in visit("emil").get("/").text
