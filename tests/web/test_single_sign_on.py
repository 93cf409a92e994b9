"""Single sign-on against a real OpenID provider, in a process of its own on this machine."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import ValidationError
from sqlalchemy import update

from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.tables import Person, User
from app.domain.auth import queries as auth_queries
from app.main import create_app
from app.settings import Settings
from tests.conftest import HOSTS, KEY, ROOT
from tests.fixtures.web_client import Browser, actions_since, give_factor, last_event


@dataclass
class Provider:
    url: str

    def knows(self, subject: str, **claims: Any) -> None:
        httpx.put(f"{self.url}/users/{subject}", json=claims, trust_env=False).raise_for_status()

    def signs_in(self, address: str, subject: str) -> str:
        """The person presses the button there; where the browser is sent back to."""
        answer = httpx.post(address, data={"sub": subject}, trust_env=False)
        assert answer.status_code == 302, answer.text[:500]
        return answer.headers["location"]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with running("oidc_provider_mock", tmp_path_factory.mktemp("provider")) as found:
        yield found


@pytest.fixture(scope="module")
def lean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A provider that gives addresses at its userinfo endpoint only."""
    with running("tests.fixtures.minimal_oidc_provider", tmp_path_factory.mktemp("lean")) as found:
        yield found


@contextmanager
def running(module: str, folder: Path) -> Iterator[Provider]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "provider.log"
    with log.open("wb") as out:
        command = [sys.executable, "-W", "ignore", "-m", module, "--port", str(port)]
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, "NO_COLOR": "1"}, cwd=ROOT)
    try:
        yield Provider(_await(f"http://127.0.0.1:{port}", process, log))
    finally:
        process.terminate()
        process.wait(10)


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            httpx.get(f"{url}/.well-known/openid-configuration", trust_env=False).raise_for_status()
            return url
        except httpx.HTTPError:
            time.sleep(0.1)
    pytest.fail(f"the provider did not come up:\n{log.read_text()[-2000:]}")


@pytest.fixture
def house(database_url: str, tmp_path: Path, provider: Provider) -> Iterator[Callable[..., Any]]:
    """house(new_people=True): an application that trusts the provider."""
    made = []

    def make(**oidc: Any) -> Any:
        given = {"oidc_issuer": provider.url, "oidc_client_id": "preceptor", "oidc_client_secret": "s3", **oidc}
        app = create_app(
            Settings(
                data_dir=tmp_path,
                database_url=database_url,
                secret_key=KEY,
                trusted_hosts=HOSTS,
                oidc_name="Clinic ID",
                **given,
            )
        )
        made.append(app)
        return app

    yield make
    for app in made:
        app.state.database.dispose()


def journey(app: Any, provider: Provider, subject: str, then: str = "") -> tuple[Browser, str]:
    """From the button to the provider and, with an answer, to the way back."""
    browser = Browser(app)
    away = browser.client.get("/sign-in/oidc", params={"next": then})
    assert away.status_code == 303 and away.headers["location"].startswith(provider.url)
    back = urlsplit(provider.signs_in(away.headers["location"], subject))
    return browser, f"{back.path}?{back.query}"


def test_the_sign_in_page_offers_it_only_where_it_is_set_up(app, house) -> None:
    assert "Continue with Clinic ID" in Browser(house()).get("/sign-in").text
    assert "/sign-in/oidc" not in Browser(app).get("/sign-in").text
    assert Browser(app).get("/sign-in/oidc").status_code == 404


def test_what_goes_to_the_provider(house, provider) -> None:
    away = Browser(house()).get("/sign-in/oidc")
    asked = parse_qs(urlsplit(away.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"] and len(asked["code_challenge"][0]) == 43
    assert len(asked["state"][0]) >= 43 and len(asked["nonce"][0]) >= 43
    assert asked["redirect_uri"] == ["http://127.0.0.1:8080/sign-in/oidc/callback"]
    cookie = away.headers["set-cookie"].lower()
    assert "httponly" in cookie and "max-age=600" in cookie and asked["nonce"][0] not in cookie


def test_a_verified_address_opens_its_account_and_the_subject_is_kept(house, provider, database, cast) -> None:
    app = house()
    provider.knows("a-1", email="alice@example.org", email_verified=True, name="Alice")
    before = last_event(database)
    browser, back = journey(app, provider, "a-1", then="/projects")
    answer = browser.get(back)
    assert answer.status_code == 303 and answer.headers["location"] == "/projects"
    assert "Alice" in browser.get("/account").text
    with database.session() as session:
        assert auth_queries.user_by_identity(session, provider.url, "a-1").id == cast.alice.id
        session.execute(update(Person).where(Person.email == "alice@example.org").values(email="new@example.org"))
    provider.knows("a-1", email="other@example.org", email_verified=False)
    again, back = journey(app, provider, "a-1")
    assert again.get(back).status_code == 303 and again.get("/").status_code == 200
    assert actions_since(database, before) == ["user.signed_in", "user.signed_in"]


@pytest.mark.assurance
def test_who_is_not_let_in(house, provider, database, cast, tally) -> None:
    app = house()
    with database.session() as session:
        session.execute(update(User).where(User.id == cast.dave.id).values(active=False))
    strangers = {
        "unverified": {"email": "alice@example.org", "email_verified": False},
        "unsaid": {"email": "alice@example.org"},
        "in-words": {"email": "alice@example.org", "email_verified": "true"},
        "unknown": {"email": "mallory@example.org", "email_verified": True},
        "nameless": {"email_verified": True},
        "deactivated": {"email": "dave@example.org", "email_verified": True},
    }
    for subject, claims in strangers.items():
        provider.knows(subject, **claims)
        before = last_event(database)
        browser, back = journey(app, provider, subject)
        refused = browser.get(back)
        assert refused.status_code == 403 and "preceptor_session" not in refused.headers.get("set-cookie", "")
        assert browser.get("/").status_code == 401
        assert actions_since(database, before) == ["sign_in.refused"]
    tally("forgeries found", len(strangers))


@pytest.mark.assurance
def test_a_journey_holds_for_one_browser_and_one_answer(house, provider, database, cast, tally) -> None:
    app = house()
    provider.knows("a-2", email="alice@example.org", email_verified=True)
    browser, back = journey(app, provider, "a-2")
    other = Browser(app)
    assert other.get(back).status_code == 502, "another browser"
    wrong = re.sub(r"state=[^&]+", "state=forged", back)
    assert browser.get(wrong).status_code == 502, "another state"
    assert browser.get(re.sub(r"code=[^&]+", "code=forged", back)).status_code == 502, "another code"
    assert browser.get(re.sub(r"code=[^&]+", "error=access_denied", back)).status_code == 502, "denied"
    _, injected = journey(app, provider, "a-2")
    state = re.search(r"state=([^&]+)", back)[1]
    stolen = re.sub(r"state=[^&]+", f"state={state}", injected)
    assert browser.get(stolen).status_code == 502, "a code of another journey: other verifier, other nonce"
    assert browser.get(back).status_code == 303, "its own"
    assert browser.get(back).status_code == 502, "twice"
    tally("forgeries found", 6)


def test_an_address_that_only_the_userinfo_endpoint_gives_opens_its_account(house, lean, database, cast) -> None:
    app = house(oidc_issuer=lean.url, oidc_new_people=True)
    lean.knows("u-1", email="alice@example.org", email_verified=True)
    browser, back = journey(app, lean, "u-1")
    assert browser.get(back).status_code == 303 and "Alice" in browser.get("/account").text
    lean.knows("u-2", email="late.comer@example.org", email_verified=True, name="Late Comer")
    browser, back = journey(app, lean, "u-2")
    assert browser.get(back).status_code == 303
    with database.read() as session:
        assert auth_queries.user_by_identity(session, lean.url, "u-1").id == cast.alice.id
        assert accounts_queries.user_by_email(session, "late.comer@example.org").name == "Late Comer"


@pytest.mark.assurance
def test_the_userinfo_endpoint_speaks_for_the_person_of_the_token_only(house, lean, database, cast, tally) -> None:
    app = house(oidc_issuer=lean.url)
    address = {"email": "alice@example.org"}
    strangers = {
        "mixed-up": ({**address, "email_verified": True, "stands_for": "somebody-else"}, 502),
        "unverified": ({**address, "email_verified": False}, 403),
        "unsaid": (address, 403),
        "in-words": ({**address, "email_verified": "true"}, 403),
    }
    for subject, (claims, status) in strangers.items():
        lean.knows(subject, **claims)
        browser, back = journey(app, lean, subject)
        assert (browser.get(back).status_code, browser.get("/").status_code) == (status, 401), subject
    tally("forgeries found", len(strangers))


def test_new_people_are_made_only_where_it_is_wanted(house, provider, database, cast) -> None:
    app = house(oidc_new_people=True)
    provider.knows("n-1", email="new.person@example.org", email_verified=True, name="New Person")
    browser, back = journey(app, provider, "n-1")
    assert browser.get(back).status_code == 303
    with database.read() as session:
        user = accounts_queries.user_by_email(session, "new.person@example.org")
        assert user is not None and user.name == "New Person" and not user.is_admin
    assert browser.get("/projects/clinic").status_code == 404


def test_the_second_factor_is_asked_for_here_as_well(house, provider, database, cast) -> None:
    give_factor(database, cast.alice, KEY)
    provider.knows("a-3", email="alice@example.org", email_verified=True)
    browser, back = journey(house(), provider, "a-3")
    assert browser.get(back).headers["location"] == "/sign-in/second-factor"
    assert browser.get("/").status_code == 401


def test_a_provider_that_is_away_or_another_is_said_in_words(house, provider) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = Browser(house(oidc_issuer=f"http://127.0.0.1:{nobody.getsockname()[1]}")).get("/sign-in/oidc")
    assert away.status_code == 502 and "cannot be reached" in away.text
    alias = provider.url.replace("127.0.0.1", "localhost")
    assert Browser(house(oidc_issuer=f"{alias}/")).get("/sign-in/oidc").status_code == 502


@pytest.mark.parametrize("wrong", [{"oidc_issuer": "http://169.254.169.254"}, {"oidc_client_id": ""}])
def test_half_a_configuration_stops_the_start(house, wrong) -> None:
    with pytest.raises(ValidationError, match="PRECEPTOR_OIDC"):
        house(**wrong)
