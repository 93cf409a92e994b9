"""My account and the people page: passwords, browsers, tokens; inviting and letting go; what each leaves in the log."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from app.core.db.base import now
from app.core.security import digest
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.tables import ApiToken, User
from app.domain.auth.tables import Password, SecondFactor, WebSession
from app.domain.projects import actions as projects_actions
from tests.conftest import KEY
from tests.fixtures.web_client import (
    PASSWORD,
    Browser,
    actions_since,
    forget_code,
    give_factor,
    give_link,
    give_password,
    last_event,
)

ALICE, CAROL = "alice@example.org", "carol@example.org"


def by_link(app, database, user: User) -> Browser:
    browser = Browser(app)
    assert browser.client.post(f"/sign-in/{give_link(database, user)}").status_code == 303
    return browser


# --- the password ---


@pytest.mark.assurance
@pytest.mark.parametrize("password", ["", "1234567", "password", "trustno1", "alice@example.org", "preceptor1"])
def test_a_password_that_can_be_guessed_is_refused(app, database, cast, tally, password) -> None:
    answer = by_link(app, database, cast.alice).send("/account/password", page="/account", password=password)
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    with database.read() as session:
        assert session.get(Password, cast.alice.id) is None
    tally("passwords refused", 1)


def test_the_first_password_after_a_link_and_a_change_with_the_old_one(app, database, cast) -> None:
    browser, other = by_link(app, database, cast.alice), by_link(app, database, cast.alice)
    before, cookie = last_event(database), browser.cookie()
    assert browser.send("/account/password", page="/account", password=PASSWORD).status_code == 303
    assert browser.cookie() != cookie and browser.get("/").status_code == 200
    assert other.get("/").status_code == 401, "all other browsers are signed out"
    assert actions_since(database, before) == ["password.set"]
    known = Browser(app)
    known.sign_in(ALICE)
    wrong = known.send("/account/password", page="/account", current="wrong", password="another four words")
    assert wrong.status_code == 422 and "current password is wrong" in wrong.text
    missing = known.send("/account/password", page="/account", password="another four words")
    assert missing.status_code == 422
    right = known.send("/account/password", page="/account", current=PASSWORD, password="another four words")
    assert right.status_code == 303
    assert Browser(app).sign_in(ALICE).status_code == 401
    assert Browser(app).sign_in(ALICE, "another four words").status_code == 303
    refused = ["user.signed_in", "password.refused", "password.refused", "password.set"]
    assert actions_since(database, before)[1:5] == refused


def test_a_link_replaces_the_current_password_for_ten_minutes(app, database, cast) -> None:
    give_password(database, cast.alice)
    browser = by_link(app, database, cast.alice)
    with database.session() as session:
        session.execute(update(WebSession).values(created_at=now() - timedelta(minutes=11)))
    late = browser.send("/account/password", page="/account", password="another four words")
    assert late.status_code == 422
    fresh = by_link(app, database, cast.alice)
    assert fresh.send("/account/password", page="/account", password="another four words").status_code == 303


def test_guessing_the_current_password_is_counted(app, database, cast) -> None:
    give_password(database, cast.alice)
    browser = Browser(app)
    browser.sign_in(ALICE)
    form = {"page": "/account", "current": "wrong", "password": "another four words"}
    answers = [browser.send("/account/password", **form).status_code for _ in range(11)]
    assert answers == [422] * 10 + [429]


# --- the second factor ---


def test_setting_up_using_and_switching_off_the_second_factor(app, database, cast) -> None:
    import pyotp

    browser, other = by_link(app, database, cast.alice), by_link(app, database, cast.alice)
    before = last_event(database)
    assert browser.send("/account/second-factor").status_code == 303
    page = browser.get("/account/second-factor").text
    secret = re.search(r'data-copy="([A-Z2-7]{32})"', page)[1]
    assert 'src="data:image/svg+xml' in page
    path = "/account/second-factor"
    assert browser.send(f"{path}/confirm", page=path, code="000000").status_code == 422
    shown = browser.send(f"{path}/confirm", page=path, code=pyotp.TOTP(secret).now())
    codes = re.findall(r"<li>([a-z2-7]{4}(?:-[a-z2-7]{4}){3})</li>", shown.text)
    assert len(codes) == 10 and other.get("/").status_code == 401 and browser.get("/").status_code == 200
    page = browser.get(path).text
    assert secret not in page and codes[0] not in page
    assert browser.send(f"{path}/off", page=path, code="000000").status_code == 422
    with database.session() as session:
        forget_code(session.get_one(SecondFactor, cast.alice.id))
    renewed = browser.send(f"{path}/codes", page=path, code=pyotp.TOTP(secret).now())
    assert codes[0] not in renewed.text and renewed.status_code == 200
    assert browser.send(f"{path}/off", page=path, code=codes[0]).status_code == 422, "the old ones are void"
    fresh = re.search(r"<li>([a-z2-7-]{19})</li>", renewed.text)[1]
    assert browser.send(f"{path}/off", page=path, code=fresh).status_code == 303
    assert by_link(app, database, cast.alice).get("/").status_code == 200
    assert actions_since(database, before)[:-2] == [
        "second_factor.begun", "second_factor.on", "second_factor.refused", "second_factor.codes_renewed",
        "second_factor.refused", "second_factor.off",
    ]  # fmt: skip


# --- browsers ---


def test_one_sees_ones_browsers_and_signs_them_out(app, database, cast) -> None:
    here, there = by_link(app, database, cast.alice), by_link(app, database, cast.alice)
    by_link(app, database, cast.bob)
    page = here.get("/account/sessions").text
    assert page.count("Firefox on Linux") == 2 and page.count("This session") == 1
    ids = re.findall(r"/account/sessions/([0-9a-f]{32})/end", page)
    assert len(ids) == 1
    before = last_event(database)
    assert here.send(f"/account/sessions/{ids[0]}/end", page="/account/sessions").status_code == 303
    assert there.get("/").status_code == 401
    assert here.send(f"/account/sessions/{ids[0]}/end", page="/account/sessions").status_code == 404
    with database.read() as session:
        bobs = session.scalars(select(WebSession.id).where(WebSession.user_id == cast.bob.id)).one()
    assert here.send(f"/account/sessions/{bobs}/end", page="/account/sessions").status_code == 404
    ended = here.send("/account/sessions/end", page="/account/sessions")
    assert ended.status_code == 200 and "data-signed-out" in ended.text, "nothing half-written stays in this browser"
    assert here.get("/").status_code == 401
    assert actions_since(database, before) == ["session.revoked", "sessions.ended"]


def test_sessions_over_the_interface(app, database, cast, as_user) -> None:
    browser = by_link(app, database, cast.alice)
    alice = as_user(cast.alice)
    items = alice.get("/api/v1/sessions").json()["items"]
    assert [(one["way"], one["current"]) for one in items] == [("link", False)] and "digest" not in items[0]
    assert browser.client.get("/api/v1/sessions").json()["items"][0]["current"] is True
    assert as_user(cast.bob).delete(f"/api/v1/sessions/{items[0]['id']}").status_code == 404
    assert alice.delete(f"/api/v1/sessions/{items[0]['id']}").status_code == 204
    assert browser.get("/").status_code == 401


# --- tokens ---


def bearer(app, raw: str) -> TestClient:
    return TestClient(app, headers={"Authorization": f"Bearer {raw}"}, follow_redirects=False)


def test_a_token_is_made_shown_once_used_and_revoked(app, database, cast) -> None:
    browser, before = by_link(app, database, cast.alice), last_event(database)
    made = browser.send("/account/tokens", name="nightly export", days="30", project="clinic", read_only="yes")
    raw = re.search(r"prc_[\w-]{43}", made.text)[0]
    assert raw not in browser.get("/account/tokens").text
    script = bearer(app, raw)
    assert script.get("/api/v1/projects/clinic").status_code == 200
    assert "never" not in browser.get("/account/tokens").text
    assert script.post("/api/v1/projects/clinic/pairs", json={}).status_code == 403
    token_id = re.search(r"/account/tokens/([0-9a-f]{32})/revoke", browser.get("/account/tokens").text)[1]
    assert browser.send(f"/account/tokens/{token_id}/revoke", page="/account/tokens").status_code == 303
    assert script.get("/api/v1/projects/clinic").status_code == 401
    told = [action for action in actions_since(database, before) if action.startswith("token.")]
    assert told == ["token.issued", "token.revoked"]


@pytest.mark.parametrize("fields", [{"days": "0"}, {"days": "366"}, {"days": ""}, {"days": "x"}, {"name": ""}])
def test_a_token_without_end_or_purpose_is_refused(app, database, cast, fields) -> None:
    given = {"name": "x", "days": "3", "project": "", **fields}
    assert by_link(app, database, cast.alice).send("/account/tokens", **given).status_code == 422


def test_a_token_for_a_project_one_cannot_see_is_refused(app, database, cast) -> None:
    answer = by_link(app, database, cast.dave).send("/account/tokens", name="x", days="3", project="clinic")
    assert answer.status_code == 404


@pytest.mark.assurance
def test_a_token_of_one_project_reaches_nothing_else(app, database, cast, as_user, tally) -> None:
    with database.session() as session:
        other = projects_actions.create_project(
            session, cast.carol, slug="other", name="Other", task="generation", languages=["en"], domains=[]
        )
        projects_actions.add_member(session, cast.carol, other, email=ALICE, role="expert")
    for user in (cast.alice, cast.carol):
        narrow = as_user(user, project_id=cast.project.id)
        assert narrow.get("/api/v1/projects/clinic").status_code == 200
        listed = narrow.get("/api/v1/projects").json()["items"]
        assert [one["slug"] for one in listed] == ["clinic"]
        for path in ("/api/v1/projects/other", "/api/v1/projects/other/pairs", "/api/v1/tokens", "/api/v1/sessions"):
            assert narrow.get(path).status_code == 404, path
        assert narrow.post("/api/v1/tokens", json={"name": "x"}).status_code == 404
        assert narrow.get("/api/v1/audit").status_code == 403
        assert narrow.post("/api/v1/projects", json={"slug": "x", "name": "x"}).status_code in (403, 422)
        wide = as_user(user)
        assert wide.get("/api/v1/projects/other").status_code == 200
    tally("cells tried", 16)


def test_tokens_over_the_interface(app, database, cast, as_user) -> None:
    alice = as_user(cast.alice, days=60)
    made = alice.post("/api/v1/tokens", json={"name": "child", "days": 30, "read_only": True, "project": "clinic"})
    assert made.status_code == 201 and made.json()["project_id"] == cast.project.id
    assert "token" not in alice.get("/api/v1/tokens").json()["items"][0]
    for body in ({"name": "x", "days": 0}, {"name": "x", "days": 366}, {"name": ""}, {"name": "x", "scope": "worker"}):
        assert alice.post("/api/v1/tokens", json=body).status_code == 422, body
    assert alice.post("/api/v1/tokens", json={"name": "x", "days": 61}).status_code == 403, "outlives its maker"
    assert alice.post("/api/v1/tokens", json={"name": "x", "project": "nothing"}).status_code == 404
    child = bearer(app, made.json()["token"])
    assert child.post("/api/v1/tokens", json={"name": "x"}).status_code == 403
    assert as_user(cast.bob).delete(f"/api/v1/tokens/{made.json()['id']}").status_code == 404
    assert alice.delete(f"/api/v1/tokens/{made.json()['id']}").status_code == 204
    assert child.get("/api/v1/projects").status_code == 401


# --- people ---


def test_a_person_is_invited_by_a_link_that_is_shown_once(app, database, cast) -> None:
    carol, before = by_link(app, database, cast.carol), last_event(database)
    shown = carol.send("/accounts", email="Zoe@Example.org", name="Zoë <b>", is_admin="")
    assert shown.status_code == 200 and "Zoë &lt;b&gt;" in shown.text
    raw = re.search(r"/sign-in/([\w-]{43})", shown.text)[1]
    assert actions_since(database, before) == ["user.created", "sign_in_link.created"]
    with database.read() as session:
        zoe = accounts_queries.user_by_email(session, "zoe@example.org")
    assert raw not in carol.get(f"/accounts/{zoe.id}").text + carol.get("/accounts").text
    zoes = Browser(app)
    assert "Zoë" in zoes.get(f"/sign-in/{raw}").text
    assert zoes.client.post(f"/sign-in/{raw}").status_code == 303
    assert carol.send("/accounts", email="zoe@example.org", name="").status_code == 409
    assert carol.send("/accounts", email="no address", name="").status_code == 422
    again = carol.send(f"/accounts/{zoe.id}/link", page=f"/accounts/{zoe.id}")
    assert re.search(r"/sign-in/[\w-]{43}", again.text) and raw not in again.text


def test_a_new_member_comes_with_a_link(app, database, cast) -> None:
    carol = by_link(app, database, cast.carol)
    new = carol.send("/projects/clinic/members", email="yan@example.org", role="expert")
    assert new.status_code == 200 and re.search(r"/sign-in/[\w-]{43}", new.text)
    known = carol.send("/projects/clinic/members", email="dave@example.org", role="expert")
    assert known.status_code == 303


@pytest.mark.assurance
def test_a_deactivated_person_is_out_at_once_everywhere(app, database, cast, as_user, tally) -> None:
    give_password(database, cast.alice)
    browser, script, link = by_link(app, database, cast.alice), as_user(cast.alice), give_link(database, cast.alice)
    carol, at = by_link(app, database, cast.carol), f"/accounts/{cast.alice.id}"
    before = last_event(database)
    assert carol.send(f"{at}/deactivate", page=at).status_code == 303
    assert actions_since(database, before) == ["user.deactivated"]
    assert browser.get("/").status_code == 401 and script.get("/api/v1/projects").status_code == 401
    assert Browser(app).sign_in(ALICE).status_code == 401
    assert Browser(app).client.post(f"/sign-in/{link}").status_code == 404
    assert carol.send(f"{at}/link", page=at).status_code == 409
    assert carol.send(f"{at}/reactivate", page=at).status_code == 303
    assert Browser(app).sign_in(ALICE).status_code == 303
    assert browser.get("/").status_code == 401 and script.get("/api/v1/projects").status_code == 401
    tally("cells tried", 8)


def test_there_is_always_an_admin(app, database, cast) -> None:
    carol, me = by_link(app, database, cast.carol), f"/accounts/{cast.carol.id}"
    assert carol.send(f"{me}/deactivate", page="/accounts").status_code == 409
    assert carol.send(f"{me}/role", page="/accounts", is_admin="no").status_code == 409
    bob, at = by_link(app, database, cast.bob), f"/accounts/{cast.bob.id}"
    assert carol.send(f"{at}/role", page=at, is_admin="yes").status_code == 303
    assert bob.get("/").status_code == 401, "a change of role ends the sessions"
    bob = by_link(app, database, cast.bob)
    assert bob.send(f"{me}/deactivate", page=me).status_code == 303
    assert carol.get("/accounts").status_code == 401
    assert bob.send(f"{at}/role", page="/accounts", is_admin="no").status_code == 409
    with database.read() as session:
        assert session.get_one(User, cast.bob.id).is_admin


def test_an_admin_ends_sessions_and_helps_who_lost_the_second_factor(app, database, cast) -> None:
    give_factor(database, cast.alice, KEY)
    carol, at = by_link(app, database, cast.carol), f"/accounts/{cast.alice.id}"
    assert carol.send(f"{at}/reset-factor", page=at).status_code == 303
    alice = by_link(app, database, cast.alice)
    assert alice.get("/").status_code == 200
    assert carol.send(f"{at}/end-sessions", page=at).status_code == 303
    assert alice.get("/").status_code == 401
    assert carol.send(f"{at}/reset-factor", page=at).status_code == 409


@pytest.mark.assurance
def test_people_are_an_admins_business(app, database, cast, tally) -> None:
    tried = 0
    for user in (cast.alice, cast.bob, cast.dave):
        browser = by_link(app, database, user)
        assert browser.get("/accounts").status_code == 403
        assert browser.get(f"/accounts/{cast.carol.id}").status_code == 403
        assert 'href="/accounts"' not in browser.get("/").text
        for act in ("link", "end-sessions", "deactivate", "reactivate", "role", "reset-factor"):
            answer = browser.send(f"/accounts/{cast.carol.id}/{act}", page="/account", is_admin="yes")
            assert answer.status_code == 403, act
            tried += 1
        assert browser.send("/accounts", page="/account", email="x@example.org", is_admin="yes").status_code == 403
    with database.read() as session:
        assert (
            session.get_one(User, cast.carol.id).active
            and accounts_queries.user_by_email(session, "x@example.org") is None
        )
    tally("cells tried", tried + 9)


def test_a_cookie_is_kept_as_a_digest_only(app, database, cast) -> None:
    browser = by_link(app, database, cast.alice)
    with database.read() as session:
        assert session.scalars(select(WebSession.digest)).one() == digest(browser.cookie())
        assert not session.scalars(select(ApiToken)).all()
