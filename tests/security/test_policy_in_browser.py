"""Chromium on every page under the content policy: nothing is blocked that the pages need, and nothing fails."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.bootstrap import migrate
from app.http.middleware import CONTENT_POLICY
from app.main import create_app
from app.settings import Settings
from tests.conftest import HOSTS, KEY, ROOT
from tests.fixtures.principals import Scene

pytestmark = [pytest.mark.assurance, pytest.mark.browser]

PAGES = [
    "/", "/style", "/projects", "/projects/new", "/projects/triage", "/projects/triage/members",
    "/projects/triage/settings",
    "/projects/triage/guidelines", "/projects/triage/rounds", "/projects/triage/pairs", "/projects/triage/pairs/new",
    "/pairs/{draft}", "/pairs/{twice}", "/pairs/{draft}/edit", "/pairs/{draft}/submit", "/projects/triage/reviews",
    "/projects/triage/imports", "/jobs/{import}", "/projects/triage/versions", "/projects/triage/versions/new",
    "/versions/{version}", "/projects/triage/runs", "/projects/triage/runs/new", "/runs/{run}", "/runs/{live}",
    "/projects/triage/findings", "/findings/{finding}", "/audit", "/accounts", "/accounts/{emil}", "/account",
    "/account/sessions", "/account/tokens", "/account/data", "/terms", "/versions/{version}/lineage",
    "/models/{model}/lineage", "/notifications", "/notifications?all=true", "/projects/triage/webhooks",
]  # fmt: skip
LISTEN = """
window.blocked = [];
document.addEventListener("securitypolicyviolation", (event) => window.blocked.push(
  `${event.violatedDirective} blocked ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`));
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Scene]]:
    """A real web process on the scene's data."""
    folder: Path = tmp_path_factory.mktemp("policy")
    app = create_app(Settings(data_dir=folder, secret_key=KEY, trusted_hosts=HOSTS))
    migrate(app.state.database)
    scene = Scene(app)
    app.state.database.dispose()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "app.main:create_app", "--factory", "--port", str(port)]
    environment = {**os.environ, "PRECEPTOR_DATA_DIR": str(folder), "PRECEPTOR_SECRET_KEY": KEY}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(f"http://127.0.0.1:{port}/healthz")
        yield f"http://127.0.0.1:{port}", scene
    finally:
        process.terminate()
        process.wait(10)


def _await(url: str) -> None:
    for _ in range(300):
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    pytest.fail("the web process did not come up")


def test_nothing_is_blocked_on_any_page(
    served: tuple[str, Scene], browser: Any, tally: Callable[[str, int], None]
) -> None:
    url, scene = served
    context = browser.new_context()
    context.add_cookies([{"name": "preceptor_session", "value": scene.cookies["admin"], "url": url}])
    context.add_init_script(LISTEN)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    for path in PAGES:
        address = url + path.format(**scene.at)
        answer = page.goto(address, wait_until="load")
        assert answer.status == 200, address
        assert answer.headers["content-security-policy"] == CONTENT_POLICY
        page.wait_for_timeout(150)
        assert page.evaluate("window.blocked") == [], address
        assert said == [], address
    tally("pages under the policy", len(PAGES))
    context.close()


def test_the_pages_really_work_under_it(served: tuple[str, Scene], browser: Any) -> None:
    """htmx asks for the checks while one types, the chart is drawn, the live run is followed."""
    url, scene = served
    context = browser.new_context()
    context.add_cookies([{"name": "preceptor_session", "value": scene.cookies["admin"], "url": url}])
    page = context.new_page()
    with page.expect_response(lambda answer: answer.url.endswith("/pairs/check")) as checked:
        page.goto(f"{url}/projects/triage/pairs/new")
        page.locator("textarea:visible").first.fill("Write to jane.roe@example.com about the swollen knee.")
    assert checked.value.status == 200
    with page.expect_request(lambda asked: asked.url.split("?")[0].endswith("/events")):
        page.goto(f"{url}/runs/{scene.at['live']}")
    page.wait_for_selector("canvas, svg")
    context.close()


def test_the_policy_stops_what_a_page_must_not_do(served: tuple[str, Scene], browser: Any) -> None:
    """Inline and foreign scripts, inline style and handlers, foreign images, frames and requests."""
    url, scene = served
    context = browser.new_context()
    context.add_cookies([{"name": "preceptor_session", "value": scene.cookies["admin"], "url": url}])
    context.add_init_script(LISTEN)
    page = context.new_page()
    page.goto(f"{url}/projects")
    page.evaluate("""() => {
      const put = (name, set) => {
        const made = Object.assign(document.createElement(name), set);
        document.body.append(made);
        return made;
      };
      put("script", { textContent: "window.stolen = 1" });
      put("script", { src: "https://evil.example/x.js" });
      put("img", { src: "https://evil.example/x.png" });
      put("iframe", { src: "https://evil.example/" });
      put("div", { innerHTML: "<p style='color: red' onclick='window.stolen = 1'>x</p>" }).firstChild.click();
      fetch("https://evil.example/").catch(() => {});
    }""")
    page.wait_for_timeout(500)
    kinds = {one.split(" ")[0] for one in page.evaluate("window.blocked")}
    wanted = {"script-src-elem", "img-src", "connect-src", "style-src-attr", "script-src-attr", "frame-src"}
    assert kinds >= wanted, kinds
    assert page.evaluate("window.stolen") is None
    context.close()
