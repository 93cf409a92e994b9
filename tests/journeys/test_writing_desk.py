"""The writing page in a real browser: by keyboard alone, through a crash, and in two tabs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from app.core.db.base import new_id
from app.domain.accounts import actions as accounts_actions
from app.domain.accounts.tables import User
from app.domain.auth import actions as auth_actions
from app.domain.pairs import actions as pairs_actions, content as pair_content
from app.domain.projects import actions as projects_actions
from tests.conftest import LiveServer
from tests.fixtures.processes import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PROMPT = "Please tell ann.lee@example.org which desk takes the lost form."


class Desk:
    """A project of its own and its author's browser, whose every page error is noted."""

    def __init__(self, server: LiveServer, context: BrowserContext) -> None:
        self.context, self.server, self.slug = context, server, f"desk-{new_id()[:12]}"
        self.errors: list[str] = []
        with server.database.session() as session:
            admin = accounts_actions.create_user(session, email=f"{self.slug}@example.org", name="Root", is_admin=True)
            projects_actions.create_project(
                session, admin, slug=self.slug, name="Desk", task="classification", languages=["en"], domains=[]
            )
            self.user = admin.id
            cookie = auth_actions.start_session(session, admin)
        context.add_cookies([{"name": "preceptor_session", "value": cookie, "url": server.url}])

    def open(self, path: str = "") -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(self.server.url + (path or f"/projects/{self.slug}/pairs/new"))
        return page

    def draft(self, text: str) -> str:
        with self.server.database.session() as session:
            user = session.get_one(User, self.user)
            project = projects_actions.queries.by_slug(session, self.slug)
            assert project is not None
            content = pair_content.pair(text, "administration", source="Own", licence="CC0-1.0")
            return pairs_actions.create(session, user, project, content).id


@pytest.fixture
def desk(live_server: LiveServer, browser: Browser) -> Iterator[Desk]:
    context = browser.new_context()
    made = Desk(live_server, context)
    yield made
    context.close()
    assert made.errors == []


def tab_to(page: Page, selector: str, most: int = 80) -> None:
    """Only the Tab key, as a person without a mouse."""
    for _ in range(most):
        if page.evaluate("wanted => document.activeElement?.matches(wanted) ?? false", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never came to {selector}")


def test_write_fix_waive_submit_by_keyboard(desk: Desk) -> None:
    page = desk.open()
    page.keyboard.type(PROMPT)
    tab_to(page, "#turn-2")
    page.keyboard.type("administration, and 2 + 2 = 5")
    expect(page.locator("#problems mark").first).to_have_text("ann.lee@example.org")
    tab_to(page, "[data-code=pii] [data-fix]")
    page.keyboard.press("Enter")
    expect(page.locator("#turn-1")).to_have_value(PROMPT.replace("ann.lee@example.org", "[EMAIL]"))
    page.keyboard.press("Control+z")
    expect(page.locator("#turn-1")).to_have_value(PROMPT)
    expect(page.locator("[data-code=pii]")).to_be_visible()
    tab_to(page, "[data-code=pii] [data-fix]")
    page.keyboard.press("Enter")
    expect(page.locator("[data-code=pii]")).to_have_count(0)
    tab_to(page, "[data-code=arithmetic] .keep summary")
    page.keyboard.press("Enter")
    tab_to(page, "[data-reason=arithmetic]")
    page.keyboard.type("The exercise asks for a wrong sum.")
    page.keyboard.press("Enter")
    expect(page.locator("[data-code=arithmetic].problem--waived")).to_contain_text("asks for a wrong sum")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="Review and submit")).to_be_visible()
    expect(page.get_by_text("Kept", exact=True)).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Submitted. Write the next pair.")).to_be_visible()
    expect(page.locator("#restore")).to_be_hidden()


def test_draft_survives_crash(desk: Desk) -> None:
    desk.context.route("**/autosave", lambda route: route.abort())  # the server never heard of it
    page = desk.open()
    page.keyboard.type("Which desk takes the form that my grandm")
    wait_for(lambda: "grandm" in page.evaluate("JSON.stringify(localStorage)"), 5, "the browser to keep the text")
    kill(page)
    again = desk.open()
    expect(again.locator("#restore")).to_contain_text("grandm")
    tab_to(again, "[data-restore]")
    again.keyboard.press("Enter")
    expect(again.locator("#turn-1")).to_have_value("Which desk takes the form that my grandm")
    expect(again.locator("#restore")).to_be_hidden()


def kill(page: Page) -> None:
    """The renderer dies: no unload, no pagehide, nothing that a page could still do."""
    with suppress(Error):
        page.goto("chrome://crash", timeout=5_000)


def test_two_tabs_do_not_overwrite(desk: Desk) -> None:
    path = f"/pairs/{desk.draft('Which desk?')}"
    first, second = desk.open(f"{path}/edit"), desk.open(f"{path}/edit")
    first.locator("#turn-1").fill("Which desk, says the first tab?")
    expect(first.locator("#save-status")).to_contain_text("Saved", timeout=15_000)
    second.locator("#turn-1").fill("Which desk, says the second tab?")
    expect(second.locator("#conflict")).to_be_visible(timeout=15_000)
    expect(second.locator("#conflict")).to_contain_text("first")
    expect(second.locator("#turn-1")).to_have_value("Which desk, says the second tab?")
    second.locator("[data-take]").click()
    expect(second.locator("#turn-1")).to_have_value("Which desk, says the first tab?")
    expect(second.locator("#restore")).to_contain_text("second")
    second.locator("[data-restore]").click()
    expect(second.locator("#save-status")).to_contain_text("Saved", timeout=15_000)
    first.goto(f"{desk.server.url}{path}?old=2&new=3")
    expect(first.locator("#compare del")).to_have_text("first")
    expect(first.locator("#compare ins")).to_have_text("second")


def test_turns_previews_paste_share(desk: Desk) -> None:
    page = desk.open()
    page.locator("#turn-1").fill("Which **desk** takes the form?")
    page.locator("#turn-2").fill("administration")
    tab_to(page, "[aria-controls=turn-1][data-tab=write], #turn-1")
    page.locator("[aria-controls=turn-1][data-tab=write]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#turn-1-preview strong")).to_have_text("desk")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#turn-1")).to_be_visible()
    tab_to(page, "[data-add-turn]")
    page.keyboard.press("Enter")
    page.keyboard.type("And on Sundays?")
    expect(page.locator("#turn-3")).to_have_value("And on Sundays?")
    page.locator("#turn-4").focus()
    page.evaluate("""() => {
        const data = new DataTransfer(); data.setData("text", "nobody at all");
        document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        document.execCommand("insertText", false, "nobody at all");
    }""")
    expect(page.locator("[name=pasted_share]")).to_have_value("0.181")
    expect(page.locator("[data-counter]").last).to_contain_text("token")
    expect(page.locator("#save-status")).to_contain_text("Saved", timeout=15_000)
    page.reload()
    expect(page.locator("#turn-4")).to_have_value("nobody at all")
    page.locator("[data-remove-turn]").scroll_into_view_if_needed()
    page.on("dialog", lambda dialog: dialog.accept())
    tab_to(page, "[data-remove-turn]")
    page.keyboard.press("Enter")
    expect(page.locator("#turn-3")).to_have_count(0)
    page.locator("#turn-1").press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
