"""A half-written verdict outlives the page: it waits in the browser for its person, its pair and its revision alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from playwright.sync_api import BrowserContext, Error, Page, expect
from sqlalchemy import select

from app.domain.auth import actions as auth_actions
from app.domain.pairs import actions as pairs_actions
from app.domain.pairs.tables import Pair, Revision
from app.domain.reviews import actions as reviews_actions
from app.domain.reviews.tables import Lease
from tests.browser.conftest import Site, waiting
from tests.browser.reading import remarks
from tests.browser.site import cookie
from tests.fixtures.principals import content, person

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Enter = Callable[..., BrowserContext]
REASON = "The answer names no day, and the patient asks for o"
FIXED = "General practice, within two days"
SAVED = "() => Object.keys(localStorage).filter((key) => key.startsWith('decision:'))"


def take(page: Page, slug: str) -> str:
    """The next item by the button of the queue; the address of its desk."""
    page.goto(f"/projects/{slug}/reviews", wait_until="load")
    page.locator("#next-button").click()
    expect(page.locator("#review-form")).to_be_visible()
    page.wait_for_load_state("load")
    return page.url


def begin(page: Page) -> None:
    """A rating, half a reason and a mended text, no decision; back when the browser has them."""
    page.locator("body").press("2")
    page.locator("#fix summary").click()
    page.locator("#fix textarea").last.fill(FIXED)
    page.locator("#comment").press_sequentially(REASON)
    page.wait_for_function("words => JSON.stringify(localStorage).includes(words)", arg=REASON)


def is_restored(page: Page) -> None:
    expect(page.locator("#saved-draft")).to_contain_text("Draft restored")
    expect(page.locator("#comment")).to_have_value(REASON)
    expect(page.locator(".criterion input[value='2']").first).to_be_checked()
    expect(page.locator("#fix textarea").last).to_have_value(FIXED)
    expect(page.locator("#fix textarea").last).to_be_visible()


def is_untouched(page: Page) -> None:
    expect(page.locator("#review-form")).to_be_visible()
    expect(page.locator("#saved-draft")).to_be_hidden()
    expect(page.locator("#comment")).to_have_value("")
    expect(page.locator(".criterion .none input").first).to_be_checked()
    expect(page.locator("#fix")).not_to_have_attribute("open", "")


def crashed(page: Page) -> Page:
    """The renderer dies, without an unload; a new tab of the same browser."""
    with suppress(Error):
        page.goto("chrome://crash", timeout=5_000)
    return page.context.new_page()


def becomes(site: Site, context: BrowserContext, who: str) -> None:
    """Another person is signed in in the same browser."""
    context.add_cookies([{"name": "preceptor_session", "value": cookie(site.scene, who), "url": site.url}])


def taken_by_ada(site: Site, pair: str) -> None:
    with site.scene.app.state.database.session() as session:
        lease = session.scalars(select(Lease).where(Lease.pair_id == pair)).one()
        reviews_actions.take_over(session, person(session, "ada"), lease.id)


def released(site: Site, pair: str, who: str) -> None:
    with site.scene.app.state.database.session() as session:
        lease = session.scalars(select(Lease).where(Lease.pair_id == pair)).one()
        reviews_actions.release(session, person(session, who), lease.id)


def test_draft_survives_crash_and_lost_lease(site: Site, enter: Enter, ward: str) -> None:
    (pair,) = waiting(site, ward, 1)
    page = enter("editor").new_page()
    desk = take(page, ward)
    begin(page)
    page = crashed(page)
    page.goto(desk)
    is_restored(page)
    taken_by_ada(site, pair)
    becomes(site, page.context, "admin")
    page.goto(desk)
    is_untouched(page)  # the same browser and the same item, another person
    released(site, pair, "ada")
    becomes(site, page.context, "editor")
    assert take(page, ward) == desk
    is_restored(page)
    page.locator("button[value=return]").click()
    expect(page.get_by_text("Returned")).to_be_visible()
    page.wait_for_function(f"() => !({SAVED})().length")


def test_decision_removes_draft(site: Site, enter: Enter, ward: str) -> None:
    waiting(site, ward, 2)
    page = enter("editor").new_page()
    desk = take(page, ward)
    begin(page)
    page.keyboard.press("Control+Enter")  # the text was mended: fix and accept
    expect(page.get_by_text("Fixed and accepted")).to_be_visible()
    assert page.url != desk
    page.wait_for_load_state("load")
    is_untouched(page)
    assert page.evaluate(SAVED) == []


def test_draft_belongs_to_one_revision(site: Site, enter: Enter, ward: str) -> None:
    (pair_id,) = waiting(site, ward, 1)
    page = enter("editor").new_page()
    take(page, ward)
    begin(page)
    released(site, pair_id, "edith")
    with site.scene.app.state.database.session() as session:
        emil, pair = person(session, "emil"), session.get_one(Pair, pair_id)
        pairs_actions.withdraw(session, emil, pair)
        last = session.scalars(select(Revision).where(Revision.pair_id == pair_id)).one()
        pairs_actions.save(
            session, emil, pair, content("Who may remove the splint at night?"), expected_revision=last.id
        )
        pairs_actions.submit(session, emil, pair)
    take(page, ward)
    expect(page.get_by_text("at night").first).to_be_visible()
    page.wait_for_load_state("load")
    is_untouched(page)
    assert page.evaluate(SAVED) == []


def test_draft_can_be_discarded(site: Site, enter: Enter, ward: str) -> None:
    waiting(site, ward, 1)
    page = enter("editor").new_page()
    take(page, ward)
    begin(page)
    page.reload()
    is_restored(page)
    page.locator("[data-discard]").click()
    expect(page.locator("#saved-draft")).to_be_hidden()
    expect(page.locator("#comment")).to_have_value("")
    expect(page.locator("#comment")).to_be_focused()
    assert page.evaluate(SAVED) == []
    page.keyboard.type("No")
    page.wait_for_function(f"() => ({SAVED})().length === 1")
    page.locator("#comment").fill("")
    page.wait_for_function(f"() => !({SAVED})().length")


def test_draft_notice_is_accessible(site: Site, enter: Enter, ward: str) -> None:
    waiting(site, ward, 1)
    page = enter("editor", bypass_csp=True).new_page()
    take(page, ward)
    begin(page)
    page.reload()
    is_restored(page)
    assert remarks(page) == []


def test_rejected_decision_keeps_draft(site: Site, enter: Enter, ward: str) -> None:
    (pair,) = waiting(site, ward, 1)
    page = enter("editor").new_page()
    desk = take(page, ward)
    begin(page)
    taken_by_ada(site, pair)
    page.locator("button[value=return]").click()
    expect(page.get_by_text("Not saved")).to_be_visible()
    expect(page.locator("#saved-draft")).to_be_hidden()  # the page itself came back with all of it
    expect(page.locator("#comment")).to_have_value(REASON)
    released(site, pair, "ada")
    page = crashed(page)
    assert take(page, ward) == desk
    is_restored(page)


def test_sign_out_removes_own_drafts(site: Site, enter: Enter, ward: str) -> None:
    waiting(site, ward, 1)
    page = enter("editor").new_page()
    take(page, ward)
    begin(page)
    page.evaluate("() => localStorage.setItem('decision:another:1:2', JSON.stringify({ at: Date.now(), values: [] }))")
    with site.scene.app.state.database.session() as session:
        raw = auth_actions.start_session(session, person(session, "edith"))  # of its own: the others go on with hers
    page.context.add_cookies([{"name": "preceptor_session", "value": raw, "url": site.url}])
    page.reload()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="You're signed out")).to_be_visible()
    page.wait_for_function(f"() => ({SAVED})().length === 1")
    assert page.evaluate(SAVED) == ["decision:another:1:2"]


def test_adjudication_draft_is_saved(site: Site, enter: Enter, ward: str) -> None:
    waiting(site, ward, 1)
    page = enter("editor").new_page()
    take(page, ward)
    page.locator("#comment").fill("Two desks could do it.")
    page.locator("button[value=escalate]").click()
    expect(page.get_by_text("Escalated")).to_be_visible()
    becomes(site, page.context, "admin")
    page.goto(f"/projects/{ward}/reviews/adjudicate")
    page.get_by_role("link", name="Adjudicate", exact=True).last.click()
    begin(page)
    desk, page = page.url, crashed(page)
    page.goto(desk)
    is_restored(page)
    page.locator("button[value=return]").click()
    expect(page.get_by_text("Adjudicated: returned")).to_be_visible()
    page.wait_for_function(f"() => !({SAVED})().length")
