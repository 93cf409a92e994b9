"""Coming in: by password, link and second factor; what is refused, what is counted, what is recorded."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from sqlalchemy import inspect, select, text, update

from app.core.db.base import now
from app.core.rate_limits import RateWindow
from app.core.security import derive, digest
from app.domain.accounts.tables import User
from app.domain.auth.tables import Password, SecondFactor, WebSession
from app.web.auth import safe_next
from tests.conftest import KEY
from tests.fixtures.web_client import (
    PASSWORD,
    Browser,
    actions_since,
    events,
    forget_code,
    give_factor,
    give_link,
    give_password,
    last_event,
)

ALICE = "alice@example.org"


# --- the password ---


def test_a_password_lets_in_and_goes_where_one_wanted(app, database, cast) -> None:
    give_password(database, cast.alice)
    browser, before = Browser(app), last_event(database)
    wanted = browser.get("/projects/clinic/pairs?state=draft")
    assert wanted.status_code == 401
    link = re.search(r'href="(/sign-in\?next=[^"]+)"', wanted.text)[1]
    assert 'value="/projects/clinic/pairs?state=draft"' in browser.get(link).text
    answer = browser.sign_in(ALICE, next="/projects/clinic/pairs?state=draft")
    assert answer.status_code == 303 and answer.headers["location"] == "/projects/clinic/pairs?state=draft"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "path=/" in cookie
    assert browser.get("/account").status_code == 200
    assert actions_since(database, before) == ["user.signed_in"]
    assert browser.get("/sign-in").headers["location"] == "/"


def test_over_https_the_cookie_is_bound_to_this_host(app, database, cast) -> None:
    give_password(database, cast.alice)
    browser = Browser(app)
    browser.client.base_url = "https://testserver"
    cookie = browser.sign_in(ALICE).headers["set-cookie"]
    assert cookie.startswith("__Host-preceptor_session=") and "Secure" in cookie and "Domain" not in cookie
    assert browser.get("/").status_code == 200


def test_one_answer_for_all_that_is_wrong(app, database, cast) -> None:
    give_password(database, cast.alice)
    give_password(database, cast.dave)
    with database.session() as session:
        session.execute(update(User).where(User.id == cast.dave.id).values(active=False))
    before, answers = last_event(database), []
    for email, password in [
        (ALICE, "wrong words of canary"), ("nobody@example.org", PASSWORD), ("bob@example.org", PASSWORD),
        ("dave@example.org", PASSWORD), (ALICE, ""), (ALICE, "x" * 100_000), ("", ""),
    ]:  # fmt: skip
        answer = Browser(app).sign_in(email, password)
        assert answer.status_code == 401 and "set-cookie" not in answer.headers
        answers.append(re.sub(r'value="[^"]*"', "", answer.text))
    assert len(set(answers)) == 1
    assert set(actions_since(database, before)) == {"sign_in.failed"}


FOREIGN = [
    "//evil.example", "/\\evil.example", "/\x00", "\\\\evil.example", "https:evil.example", "https://evil.example",
    "%2f%2fevil", "javascript:alert(1)", "/\t/evil.example", "/ /evil.example", " //evil.example", "evil",
    "/\r\nSet-Cookie: a=b", "///evil.example", "data:text/html,x", "http:/evil.example", "@evil.example", "",
]  # fmt: skip


@pytest.mark.assurance
def test_next_stays_on_this_site(app, database, cast, tally) -> None:
    give_password(database, cast.alice)
    assert {address for address in FOREIGN if safe_next(address) != "/"} == set()
    for address in FOREIGN[:3]:
        answer = Browser(app).sign_in(ALICE, next=address)
        assert (answer.status_code, answer.headers["location"]) == (303, "/"), address
    for address in FOREIGN:
        assert "evil" not in Browser(app).client.get("/sign-in", params={"next": address}).text
    assert safe_next("/projects/clinic/pairs?q=a%20b&tag=x") == "/projects/clinic/pairs?q=a%20b&tag=x"
    tally("redirects refused", len(FOREIGN))


def test_a_foreign_page_signs_nobody_in(app, database, cast) -> None:
    give_password(database, cast.alice)
    browser = Browser(app)
    form = {"email": ALICE, "password": PASSWORD}
    assert browser.client.post("/sign-in", data=form).status_code == 403
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}):
        assert browser.client.post(f"/sign-in/{give_link(database, cast.alice)}", headers=headers).status_code == 403


def test_an_outdated_hash_is_made_anew_at_sign_in(app, database, cast) -> None:
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    with database.session() as session:
        session.add(Password(user_id=cast.alice.id, hash=weak))
    assert Browser(app).sign_in(ALICE).status_code == 303
    with database.read() as session:
        assert "m=65536,t=3" in session.get_one(Password, cast.alice.id).hash


# --- sessions ---


def _move(database, **values) -> None:
    """Time passes for all sessions."""
    with database.session() as session:
        session.execute(update(WebSession).values(**values))


@pytest.mark.assurance
def test_a_session_ends_after_rest_after_a_week_and_when_told(app, database, cast, tally) -> None:
    give_password(database, cast.alice)
    browser = Browser(app)
    browser.sign_in(ALICE)
    _move(database, last_seen_at=now() - timedelta(hours=11, minutes=59))
    assert browser.get("/").status_code == 200
    _move(database, last_seen_at=now() - timedelta(hours=12, minutes=1))
    assert browser.get("/").status_code == 401
    browser.sign_in(ALICE)
    _move(database, expires_at=now() - timedelta(seconds=1))
    assert browser.get("/").status_code == 401
    browser.sign_in(ALICE)
    with database.read() as session:
        ends = session.scalars(select(WebSession.expires_at)).one()
    assert timedelta(days=6, hours=23) < ends - now() <= timedelta(days=7)
    stolen = browser.cookie()
    assert browser.send("/sign-out", page="/account").status_code == 200
    thief = Browser(app)
    thief.client.cookies.set("preceptor_session", stolen)
    assert thief.get("/").status_code == 401
    tally("sessions ended", 4)


def test_a_visit_is_written_down_at_most_once_a_minute(app, database, cast) -> None:
    give_password(database, cast.alice)
    browser = Browser(app)
    browser.sign_in(ALICE)
    long_ago = now() - timedelta(minutes=5)
    _move(database, last_seen_at=long_ago)

    def seen():
        with database.read() as session:
            return session.scalars(select(WebSession.last_seen_at)).one()

    browser.get("/")
    first = seen()
    assert first > long_ago
    browser.get("/projects")
    assert seen() == first


def test_signing_in_again_ends_the_session_before_it(app, database, cast) -> None:
    """No fixation: a cookie that somebody planted is not the one that is signed in."""
    give_password(database, cast.alice)
    browser = Browser(app)
    browser.client.cookies.set("preceptor_session", "planted")
    page = browser.get("/sign-in").text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)[1]
    answer = browser.client.post("/sign-in", data={"csrf": csrf, "email": ALICE, "password": PASSWORD})
    assert answer.status_code == 303
    fresh = re.search(r"preceptor_session=([^;]+)", answer.headers["set-cookie"])[1]
    assert len(fresh) >= 43
    with database.read() as session:
        assert session.scalars(select(WebSession.digest)).all() == [digest(fresh)]


# --- the second factor ---


@pytest.mark.assurance
def test_a_code_is_asked_for_after_every_first_factor_and_works_once(app, database, cast, tally) -> None:
    give_password(database, cast.alice)
    totp, _ = give_factor(database, cast.alice, KEY)
    browser, before = Browser(app), last_event(database)
    answer = browser.sign_in(ALICE, next="/projects")
    assert answer.headers["location"] == "/sign-in/second-factor?next=%2Fprojects"
    pending = browser.cookie()
    for path in ("/", "/projects", "/account", "/account/second-factor", "/accounts"):
        assert browser.get(path).status_code == 401, path
    assert browser.client.get("/api/v1/projects").status_code == 401
    code = totp.now()
    assert browser.send("/sign-in/second-factor", code="000000").status_code == 401
    passed = browser.send("/sign-in/second-factor", code=f"{code[:3]} {code[3:]}", next="/projects")
    assert passed.status_code == 303 and passed.headers["location"] == "/projects"
    assert browser.cookie() != pending and browser.get("/").status_code == 200
    assert actions_since(database, before) == ["user.first_factor_passed", "sign_in.failed", "user.signed_in"]
    again = Browser(app)
    again.client.post(f"/sign-in/{give_link(database, cast.alice)}")
    assert again.get("/").status_code == 401
    assert again.send("/sign-in/second-factor", code=code).status_code == 401
    tally("cells tried", 9)


def test_codes_of_the_steps_beside_are_taken_and_others_not(app, database, cast) -> None:
    totp, _ = give_factor(database, cast.alice, KEY)
    outcomes = {}
    for shift in (-3, -1, 0, 1, 3):
        with database.session() as session:
            forget_code(session.get_one(SecondFactor, cast.alice.id))
        browser = Browser(app)
        browser.client.post(f"/sign-in/{give_link(database, cast.alice)}")
        answer = browser.send("/sign-in/second-factor", code=totp.at(int(time.time()) + 30 * shift))
        outcomes[shift] = answer.status_code
    assert outcomes[-3] == outcomes[3] == 401 and outcomes[0] == 303
    assert 303 in (outcomes[-1], outcomes[1])  # the clock may have moved on by a step between the two


def test_a_recovery_code_works_once(app, database, cast) -> None:
    _, codes = give_factor(database, cast.alice, KEY)
    assert len(set(codes)) == 10
    for expected in (303, 401):
        browser = Browser(app)
        browser.client.post(f"/sign-in/{give_link(database, cast.alice)}")
        assert browser.send("/sign-in/second-factor", code=codes[0].upper()).status_code == expected


def test_a_code_of_another_person_is_refused(app, database, cast) -> None:
    give_factor(database, cast.alice, KEY)
    _, codes = give_factor(database, cast.bob, KEY)
    browser = Browser(app)
    browser.client.post(f"/sign-in/{give_link(database, cast.alice)}")
    assert browser.send("/sign-in/second-factor", code=codes[0]).status_code == 401


# --- how often ---


@pytest.mark.assurance
@pytest.mark.parametrize("email", [ALICE, "nobody@example.org"])
def test_the_eleventh_wrong_try_waits_even_with_the_right_password(app, database, cast, tally, email) -> None:
    give_password(database, cast.alice)
    for _ in range(10):
        assert Browser(app).sign_in(email, "wrong").status_code == 401
    refused = Browser(app).sign_in(email)
    assert refused.status_code == 429 and 0 < int(refused.headers["retry-after"]) <= 300
    with database.session() as session:
        assert not [key for key in session.scalars(select(RateWindow.key)) if "example.org" in key]
        session.execute(update(RateWindow).values(expires_at=time.time() - 1))
    assert Browser(app).sign_in(email).status_code == (303 if email == ALICE else 401)
    tally("tries counted", 12)


def test_right_passwords_do_not_count(app, database, cast) -> None:
    give_password(database, cast.alice)
    assert {Browser(app).sign_in(ALICE).status_code for _ in range(12)} == {303}


def test_guessing_links_and_codes_is_counted_too(app, database, cast) -> None:
    browser = Browser(app)
    guesses = [browser.client.post(f"/sign-in/guess-{at}").status_code for at in range(11)]
    assert guesses == [404] * 10 + [429]
    assert browser.client.post(f"/sign-in/{give_link(database, cast.dave)}").status_code == 303
    give_factor(database, cast.alice, KEY)
    browser.client.post(f"/sign-in/{give_link(database, cast.alice)}")
    codes = [browser.send("/sign-in/second-factor", code="123").status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]


# --- an installation as it comes ---

KNOWN = [
    ("admin@example.org", "password"), ("admin@example.org", "admin"), ("admin@example.org", "password1234"),
    ("admin@example.org", "12345678"), ("admin", "admin"), ("owner", "12345678"), ("argilla", "1234"),
    ("expert@example.org", "preceptor"), ("root", "root"), ("admin@example.org", ""),
]  # fmt: skip


@pytest.mark.assurance
def test_no_known_password_and_no_forged_cookie_opens_a_fresh_installation(app, database, tally) -> None:
    from app.cli.accounts import create_first

    with database.session() as session:
        create_first(session)
    for email, password in KNOWN:
        with database.session() as session:
            session.execute(update(RateWindow).values(expires_at=0))
        assert Browser(app).sign_in(email, password).status_code == 401
    literals = ["secret", "change-me", "dev", "tests only", KEY, "preceptor", "django-insecure"]
    forged = [derive(key, "session") for key in literals] + literals + ["", "0" * 64, "' OR 1=1 --", "null"]
    for raw in forged:
        browser = Browser(app)
        browser.client.cookies.set("preceptor_session", raw)
        assert browser.get("/").status_code == 401
    for path in ("/register", "/sign-up", "/signup", "/users/sign_up", "/login", "/api/v1/register"):
        assert Browser(app).get(path).status_code == 404
        assert Browser(app).client.post(path, data={"email": "me@example.org"}).status_code in (404, 405, 415)
    tally("forgeries found", len(KNOWN) + len(forged))


@pytest.mark.assurance
def test_nothing_secret_stands_in_the_database_in_plain(app, database, cast, tally) -> None:
    give_password(database, cast.alice)
    totp, codes = give_factor(database, cast.alice, KEY)
    link = give_link(database, cast.bob)
    browser = Browser(app)
    browser.sign_in(ALICE, "typed canary that is wrong")
    browser.sign_in("typed-canary@example.org", "x")
    browser.sign_in(ALICE)
    browser.send("/sign-in/second-factor", code=totp.now())
    made = browser.send("/account/tokens", name="canary", days="3", project="")
    raw = re.search(r"prc_[\w-]{40,}", made.text)[0]
    assert raw not in browser.get("/account/tokens").text
    secrets = [PASSWORD, totp.secret, link, raw, browser.cookie(), "typed canary", "typed-canary"]
    secrets += [*codes, *(code.replace("-", "") for code in codes)]
    held = _all_text(database)
    assert ALICE in held
    found = [one for one in secrets if one in held]
    tally("secrets searched for", len(secrets))
    assert found == []


def _all_text(database) -> str:
    """Every value of every table."""
    with database.read() as session:
        tables = inspect(database.engine).get_table_names()
        return "\n".join(
            str(tuple(row)) for table in tables for row in session.execute(text(f'SELECT * FROM "{table}"'))
        )


def test_every_way_in_and_out_leaves_one_event(app, database, cast) -> None:
    give_password(database, cast.alice)
    browser, before = Browser(app), last_event(database)
    browser.sign_in(ALICE, "wrong")
    browser.sign_in(ALICE)
    browser.send("/sign-out", page="/account")
    link = give_link(database, cast.alice)
    browser.client.post(f"/sign-in/{link}")
    expected = ["sign_in.failed", "user.signed_in", "user.signed_out", "sign_in_link.created", "user.signed_in"]
    assert actions_since(database, before) == expected
    told = [event.details for event in events(database, subject=cast.alice.id) if event.id > before]
    assert [one.get("way") for one in told] == ["password", "password", None, None, "link"]
