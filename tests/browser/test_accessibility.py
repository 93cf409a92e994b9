"""axe-core on every page of the product, in light and dark, on a desk and on a phone; and no page scrolls sideways."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import Site
from tests.browser.reading import DESKTOP, PHONE, of_dialog, remarks
from tests.browser.site import PEOPLE, Visit, pages, routes
from tests.fixtures.principals import person
from tests.fixtures.web_client import PASSWORD, give_factor, give_password

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Enter = Callable[..., BrowserContext]
PARTS = ("/edit", "/pairs/new")
"""Pages that ask the server for a part of themselves."""
SEND = """([action, fields]) => {
  const form = Object.assign(document.createElement("form"), { method: "post", action });
  const csrf = document.querySelector("[name=csrf]").value;
  for (const [name, value] of [["csrf", csrf], ...fields]) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  document.body.append(form);
  form.submit();
}"""
FORMS: dict[str, list[tuple[str, str, list[tuple[str, str]]]]] = {
    "admin": [
        ("/account/tokens", "shown only once", [("name", "export"), ("days", "9")]),
        ("/account/tokens", "note--bad", []),
        ("/account/password", "note--bad", [("password", "short")]),
        ("/account/name", "note--bad", []),
        ("/accounts", "note--bad", [("email", "nothing")]),
        ("/accounts", "secret", [("email", "newer@example.org"), ("name", "New")]),
        ("/projects", "note--bad", []),
        ("/projects/triage/members", "shown only once", [("email", "new@example.org"), ("role", "expert")]),
        ("/projects/triage/members", "Check your input", [("email", "nothing"), ("role", "expert")]),
        ("/projects/triage/settings", "note--bad", [("second_opinions", "900")]),
        ("/projects/triage/rounds", "note--bad", []),
        ("/projects/triage/versions", "note--bad", [("train", "200")]),
        ("/projects/triage/runs", "note--bad", [("version", "{version}"), ("epochs", "-1")]),
        ("/projects/triage/webhooks", "note--bad", [("url", "nowhere")]),
        ("/pairs/{escalated}/adjudicate", "note--bad", [("decision", "return")]),
        ("/pairs/{draft}/gold", "note--bad", [("decision", "return")]),
        ("/accounts/{emil}/erase", "note--bad", []),
    ],
    "editor": [
        ("/pairs/{leased}/review", "Not saved", [("lease", "{lease}"), ("decision", "return")]),
        ("/pairs/{leased}/review", "This pair doesn't have", [("decision", "return"), ("tag", "category:fever")]),
        ("/pairs/{leased}/review", "Not saved", [("lease", "lost"), ("decision", "accept")]),
    ],
    "expert": [
        ("/projects/triage/pairs", "Your text is kept below", [("role", "user"), ("content", "")]),
        (
            "/pairs/{twice}/save",
            "Someone saved a newer revision",
            [
                ("expected_revision", "{twice_first}"), ("role", "user"), ("content", "A third thought about hives."),
                ("role", "assistant"), ("content", "Emergency"), ("source", "Own work"), ("license", "CC0-1.0"),
            ],
        ),
        ("/pairs/{draft}/comments", "note--bad", [("text", "")]),
        ("/nowhere/at/all", "Page not found", []),
    ],
}  # fmt: skip
"""Who sends which form -> what the answer holds: the pages that no address leads to."""


@pytest.fixture(scope="module")
def todo(site: Site) -> dict[str | None, list[Visit]]:
    """Reads every page once without a browser. Fails for a route that nobody was shown."""
    found, shown = pages(site.scene.app, site.scene)
    assert set(routes(site.scene.app)) - shown == set(), "no object of the scene lets these pages be seen"
    return found


def picture(page: Page, name: str) -> None:
    """Pictures of all pages for a person to look at, where PRECEPTOR_TEST_PICTURES names a folder."""
    if not (folder := os.environ.get("PRECEPTOR_TEST_PICTURES")):
        return
    name = re.sub(r"\W+", "-", re.sub(r"[0-9a-f]{32}", "id", name))
    for width, theme in ((DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.screenshot(path=Path(folder) / f"{name}.{width}.{theme}.png", full_page=True)


def read(page: Page, name: str) -> list[str]:
    """Every remark on the page as it stands, with its name."""
    picture(page, name)
    return [f"{name}: {one}" for one in remarks(page)]


@pytest.mark.parametrize("who", PEOPLE, ids=str)
def test_pages_are_accessible(who: str | None, site: Site, enter: Enter, todo: dict[str | None, list[Visit]]) -> None:
    page, found, helped = enter(who, bypass_csp=True).new_page(), [], set()
    for visit in todo[who]:
        page.goto(visit.path, wait_until="load")
        if visit.path.partition("?")[0].endswith(PARTS):
            page.wait_for_load_state("networkidle")
        found += read(page, f"{who} {visit.path}")
        if visit.route not in helped:
            helped.add(visit.route)
            found += [f"{who} {visit.path}: {one}" for one in of_dialog(page)]
    assert not found, "\n".join(found)
    assert who is None or page.url.startswith(site.url)


@pytest.mark.parametrize("who", FORMS)
def test_form_errors_are_accessible(who: str, site: Site, enter: Enter) -> None:
    page, found = enter(who, bypass_csp=True).new_page(), []
    for action, holds, fields in FORMS[who]:
        page.goto("/projects")
        given = [(name, value.format(**site.scene.at)) for name, value in fields]
        send(page, action.format(**site.scene.at), given)
        assert holds in page.content(), f"{action}: {page.locator('main').inner_text()[:300]}"
        found += read(page, f"{who} sent {action} {holds}")
    assert not found, "\n".join(found)


def send(page: Page, action: str, fields: list[tuple[str, str]]) -> None:
    with page.expect_navigation():
        page.evaluate(SEND, [action, fields])


def test_sign_in_is_accessible(site: Site, enter: Enter) -> None:
    """A wrong password, the second factor's code, and its setting up with the codes on paper."""
    app = site.scene.app
    with app.state.database.read() as session:
        otto: Any = person(session, "otto")
    give_password(app.state.database, otto)
    give_factor(app.state.database, otto, app.state.settings.key)
    page, found = enter(None, bypass_csp=True).new_page(), []
    for password, holds in (("wrong", "note--bad"), (PASSWORD, "one-time-code")):
        page.goto("/sign-in")
        send(page, "/sign-in", [("email", otto.email), ("password", password)])
        assert holds in page.content()
        found += read(page, f"sign-in {holds}")
    send(page, "/sign-in/second-factor", [("code", "000000")])
    found += read(page, "wrong code")
    page = enter("editor", bypass_csp=True).new_page()
    page.goto("/account/second-factor")
    send(page, "/account/second-factor", [])
    found += read(page, "second factor begun")
    secret = page.locator(".card .mono").first.inner_text()
    send(page, "/account/second-factor/confirm", [("code", pyotp.TOTP(secret.replace(" ", "")).now())])
    assert page.locator(".codes li").count() == 10
    found += read(page, "recovery codes")
    page.goto("/account/second-factor")
    found += read(page, "second factor on")
    assert not found, "\n".join(found)
