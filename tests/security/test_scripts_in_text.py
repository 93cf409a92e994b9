"""A text stays a text: payloads in every field, every page walked as three people, by a parser and by a browser."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page
from starlette.testclient import TestClient

from app.core.db.base import Base
from app.domain.accounts import actions as accounts_actions
from app.domain.accounts.queries import user_by_email
from app.domain.accounts.tables import User
from app.domain.consent import actions as consent_actions
from app.main import create_app
from app.settings import Settings
from tests.fixtures.sample_project import World, build
from tests.security.payloads import MARK, PAYLOADS, fill, text_for

pytestmark = [pytest.mark.assurance, pytest.mark.browser, pytest.mark.slow]
PEOPLE = {"emil": "expert", "edith": "editor", "ada": "admin"}
ID = re.compile(r"[0-9a-f]{32}")
HREF = re.compile(r'(?:href|hx-get)="(/[^"#]*)"')
LEFT_OUT = re.compile(r"^/(static/|api/|sign-out)")
PARSED, SHOWN = 3, 1

FOREIGN = """(html) => {
  const page = new DOMParser().parseFromString(html, "text/html");
  const found = [];
  const walk = (root) => root.querySelectorAll("*").forEach((one) => {
    const where = one.outerHTML.slice(0, 200);
    if (one.localName === "template") walk(one.content);
    if (["iframe", "object", "embed", "base", "math", "applet", "frame"].includes(one.localName)) found.push(where);
    for (const {name, value} of one.attributes) {
      if (name.includes("MARK") || /^(on|hx-on|srcdoc$|style$)/.test(name)) found.push(name + " in " + where);
      if (/^(href|src|action|formaction|data|xlink:href|hx-get|hx-post)$/.test(name)) {
        const address = value.trim().toLowerCase().replace(/[\\x00-\\x20]/g, "");
        if (/^(javascript|vbscript|data:text)/.test(address)) found.push(name + " in " + where);
        const link = one.localName === "a" && (one.rel || "").includes("noopener") && /^https?:/.test(address);
        if (address.includes("EVIL") && !link) found.push(name + " to another place in " + where);
      }
    }
    if (one.localName === "script" && !(one.getAttribute("src") || "").startsWith("/static/")) found.push(where);
    if (one.localName === "meta" && one.httpEquiv && !/^\\d+$/.test(one.content)) found.push(where);
  });
  walk(page);
  return found;
}"""


class Evil(BaseHTTPRequestHandler):
    """Whoever comes here was sent by a payload."""

    visits: list[str] = []
    bare = b""

    def do_GET(self) -> None:
        if self.path == "/bare":
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(Evil.bare)
            return
        Evil.visits.append(self.path)
        self.send_response(204)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The application on a port of its own, in a thread."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@dataclass
class Hostile:
    world: World
    url: str
    evil: str
    fields: int
    text: str
    pages: dict[str, dict[str, str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("hostile"), secret_key="tests only, and long enough for it")
    app = create_app(settings)
    Base.metadata.create_all(app.state.database.engine)
    world = build(app)
    with app.state.database.session() as session:
        people = {name: _user(session, name) for name in PEOPLE}
        terms = consent_actions.publish(
            session, people["ada"], "Terms of the project: texts may be used to train models."
        )
        for user in people.values():
            accounts_actions.issue_token(session, user=user, name="laptop")
            consent_actions.accept(session, user, terms.number, how="page")
    listener = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    evil = f"127.0.0.1:{listener.server_port}"
    text = text_for(evil)
    filled = fill(app.state.database, text)
    with served(app) as url:
        yield Hostile(world, url, evil, filled, text)
    listener.shutdown()
    listener.server_close()


def _user(session: Any, name: str) -> User:
    found = user_by_email(session, f"{name}@example.org")
    assert found is not None
    return found


def walked(hostile: Hostile, person: str) -> dict[str, str]:
    """path -> HTML of every kind of page that links lead to, some of each kind."""
    client = TestClient(hostile.world.app, base_url=hostile.url, follow_redirects=True)
    client.cookies.set("preceptor_session", hostile.world.cookies[person])
    ids = hostile.world.ids
    job, draft = f"/jobs/{ids['job']}", f"/pairs/{ids['draft']}"
    runs = [f"/runs/{ids['live']}", f"/runs/{ids['run']}"]
    waiting = ["/", job, f"{job}/progress", f"{draft}/edit", f"{draft}/submit", f"/pairs/{ids['returned']}", *runs]
    pages: dict[str, str] = {}
    kinds: Counter[str] = Counter()
    while waiting:
        path = waiting.pop(0)
        kind = ID.sub("{id}", path.partition("?")[0])
        if path in pages or LEFT_OUT.match(path) or kinds[kind] >= PARSED:
            continue
        answer = client.get(path)
        assert answer.status_code < 500, (path, answer.text[-500:])
        if "text/html" in answer.headers["content-type"]:
            kinds[kind] += 1
            pages[path] = answer.text
            waiting += [link.replace("&amp;", "&") for link in HREF.findall(answer.text)]
    return pages


@pytest.mark.parametrize("person", PEOPLE)
def test_a_parser_finds_nothing_that_a_payload_made(
    person: str, hostile: Hostile, browser: Browser, tally: Callable[[str, int], None]
) -> None:
    pages = hostile.pages[person] = walked(hostile, person)
    script = FOREIGN.replace("MARK", MARK).replace("EVIL", hostile.evil)
    page = browser.new_page()
    assert page.evaluate(script, f"<b {MARK}>") and page.evaluate(script, "<img src=x onerror=1>"), "the finder sees"
    found = {path: foreign for path, html in pages.items() if (foreign := page.evaluate(script, html))}
    page.close()
    assert found == {}
    assert len(pages) > 20 and sum(MARK in html for html in pages.values()) > 15
    tally("payloads tried", len(PAYLOADS) * hostile.fields)
    tally("pages with payloads parsed", len(pages))


@dataclass
class Watch:
    """What a page did that no text may make it do."""

    url: str
    seen: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        page.on("dialog", lambda dialog: (self.seen.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self._request(request.url))
        page.on("console", lambda line: self._console(line.text))
        page.on("popup", lambda popup: self.seen.append(f"popup {popup.url}"))

    def _request(self, url: str) -> None:
        if not url.startswith((self.url, "data:", "blob:", "about:")):
            self.seen.append(f"request {url}")

    def _console(self, text: str) -> None:
        if "Content Security Policy" in text or "__xss" in text:
            self.seen.append(f"console {text[:300]}")


def one_of_each(pages: dict[str, str]) -> list[str]:
    kinds: Counter[str] = Counter()
    chosen = []
    for path in pages:
        kind = ID.sub("{id}", path.partition("?")[0])
        kinds[kind] += 1
        if kinds[kind] <= SHOWN:
            chosen.append(path)
    return chosen


@pytest.mark.parametrize("person", PEOPLE)
def test_a_browser_runs_nothing_and_calls_nobody(
    person: str, hostile: Hostile, browser: Browser, tally: Callable[[str, int], None]
) -> None:
    pages = hostile.pages.get(person) or walked(hostile, person)
    context = browser.new_context(base_url=hostile.url)
    context.add_cookies([{"name": "preceptor_session", "value": hostile.world.cookies[person], "url": hostile.url}])
    page, watch = context.new_page(), Watch(hostile.url)
    watch.over(page)
    shown = one_of_each(pages)
    for path in shown:
        page.goto(path, wait_until="load")
        page.mouse.move(640, 360)
        if path.endswith(("/edit", "/new")):
            page.wait_for_load_state("networkidle")  # the fragment of the checks
        page.wait_for_timeout(30)
        assert page.evaluate("window.__xss") is None, path
        assert watch.seen == [], path
    context.close()
    assert Evil.visits == []
    tally("pages with payloads shown in a browser", len(shown))


def test_a_payload_would_be_noticed_where_it_ran(hostile: Hostile, browser: Browser) -> None:
    """The watch itself: the same texts in a page that escapes nothing."""
    Evil.bare = f"<!doctype html><body>{hostile.text}".encode()
    page = browser.new_page()
    page.goto(f"http://{hostile.evil}/bare", wait_until="domcontentloaded")
    page.wait_for_timeout(500)
    ran = page.evaluate("window.__xss")
    page.close()
    assert ran == 1 and Evil.visits
    Evil.visits.clear()
