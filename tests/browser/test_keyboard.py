"""The life of a pair by two people without a mouse; every key that a desk lists works, and no other does."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from app.domain.pairs.tables import Pair
from app.domain.projects.tables import Project
from app.domain.reviews.tables import Review
from tests.browser.conftest import Site, waiting
from tests.browser.keyboard import Keyboard

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Enter = Callable[..., BrowserContext]


@pytest.fixture
def hands(enter: Enter) -> Iterator[Callable[[str], Keyboard]]:
    """hands("editor"): her keyboard, in a browser of her own."""
    made: list[Keyboard] = []

    def make(who: str) -> Keyboard:
        made.append(Keyboard(enter(who).new_page()))
        return made[-1]

    yield make
    assert [one.errors for one in made if one.errors] == []


def decisions(site: Site, slug: str) -> list[str]:
    """What was decided in the project and not undone, oldest first."""
    with site.scene.app.state.database.read() as session:
        rows = select(Review.decision).join(Pair).join(Project).where(Project.slug == slug, Review.undone_at.is_(None))
        return list(session.scalars(rows.order_by(Review.created_at)))


def states(site: Site, slug: str) -> list[str]:
    with site.scene.app.state.database.read() as session:
        return list(session.scalars(select(Pair.state).join(Project).where(Project.slug == slug)))


def test_pair_workflow_by_keyboard(site: Site, ward: str, hands: Callable[[str], Keyboard]) -> None:
    emil, edith = hands("expert"), hands("editor")
    write(emil, ward)
    assert states(site, ward) == ["submitted"]
    edith.open(f"/projects/{ward}/reviews")
    edith.turn("n")
    edith.press("5", "4", "2", "w")
    edith.type("Say on which day.")
    edith.press("Escape")
    edith.turn("r")
    assert states(site, ward) == ["changes_requested"]
    fix(emil)
    edith.open(f"/projects/{ward}/reviews")
    edith.turn("Control+Enter")
    expect(edith.page.locator("ins").first).to_contain_text("Sunday")
    edith.turn("a")
    assert states(site, ward) == ["approved"]
    edith.turn("u")
    expect(edith.page.get_by_text("Decision undone")).to_be_visible()
    assert states(site, ward) == ["submitted"]
    edith.tab_to("nav[aria-label=Project] a[href$='/reviews']")
    edith.turn("Enter")
    edith.turn("n")
    edith.turn("a")
    assert states(site, ward) == ["approved"]
    assert decisions(site, ward) == ["return", "accept"]


def write(emil: Keyboard, slug: str) -> None:
    """A text with an address in it is warned of, fixed by the offered fix, and submitted."""
    emil.open(f"/projects/{slug}")
    emil.skip()
    emil.tab_to(".button--primary[href$='/pairs/new']")
    emil.turn("Enter")
    emil.type("Ask ann.lee@example.org who takes the drip out.")
    emil.tab_to("#turn-2")
    emil.type("The nurse of the ward.")
    expect(emil.page.locator("#problems mark").first).to_have_text("ann.lee@example.org")
    emil.press("Escape", "c")
    assert emil.focused("[data-code=pii] [data-fix]")
    emil.press("Enter")
    expect(emil.page.locator("#turn-1")).to_have_value("Ask [EMAIL] who takes the drip out.")
    expect(emil.page.locator("[data-code=pii]")).to_have_count(0)
    emil.turn("Control+Enter")
    emil.turn("Control+Enter")
    expect(emil.page.get_by_text("Submitted. Write the next pair.")).to_be_visible()


def fix(emil: Keyboard) -> None:
    """From the home page to the returned text, and back to the editors."""
    emil.open("/")
    expect(emil.page.get_by_text("Say on which day.")).to_be_visible()
    emil.skip()
    emil.tab_to(".card--return a")
    emil.turn("Enter")
    expect(emil.page.get_by_text("Returned: Say on which day.")).to_be_visible()
    emil.skip()
    emil.tab_to("#turn-1")
    emil.press("Control+End")
    emil.type(" It is Sunday.")
    emil.turn("Control+Enter")
    emil.turn("Control+Enter")


def listed(page: Page) -> set[str]:
    """The keys that the help names, once it is open."""
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    names = set(re.sub(r"Ctrl (\S)", r"Ctrl+\1", " ".join(page.locator("#keys kbd").all_inner_texts())).split())
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.wait_for_function("() => !document.activeElement?.closest('dialog')")  # the focus leaves it a frame later
    return names


LOOK = """() => [
  location.href, document.activeElement.tagName,
  ...document.querySelectorAll("input:checked, [open], [aria-pressed=true]"),
].map((one) => one.outerHTML?.slice(0, 150) ?? one).join()"""
CHOSEN = "[...document.querySelectorAll('.scale input:checked')].map((one) => one.value)"


def silent(hand: Keyboard, known: set[str]) -> None:
    """No other letter does anything."""
    before = hand.page.evaluate(LOOK)
    for key in set(string.ascii_lowercase + string.digits[6:]) - {one.lower() for one in known}:
        hand.press(key)
    hand.page.wait_for_timeout(200)
    assert hand.page.evaluate(LOOK) == before


def rated(page: Page) -> list[str]:
    return [
        str(one)
        for one in page.evaluate("[...document.querySelectorAll('.scale input:checked')].map((one) => one.value)")
    ]


def test_review_page_keys(site: Site, ward: str, hands: Callable[[str], Keyboard]) -> None:
    waiting(site, ward, 9)
    edith = hands("editor")
    edith.open(f"/projects/{ward}/reviews")
    assert listed(edith.page) == {"Ctrl+↵", "N", "U", "?"}
    silent(edith, {"n", "u"})
    edith.turn("n")
    keys = listed(edith.page)
    assert keys == {"1", "…", "5", "0", *"JKAFRXEWCGU", "Ctrl+↵", "Esc", "?"}
    silent(edith, keys | set("12345"))
    edith.press("1", "2", "3")
    assert rated(edith.page) == ["1", "2", "3"]
    edith.press("k", "k", "k", "4", "5", "k", "0", "j", "5")
    assert rated(edith.page) == ["4", "", "5"]
    edith.press("w")
    assert edith.focused("#comment")
    edith.press("Escape")
    assert not edith.focused("#comment")
    edith.press("c")
    assert edith.focused("#comment-text")
    edith.type("Which nurse?")
    edith.tab_to("#comment-form button")
    edith.press("Enter")
    expect(edith.page.locator(".comment__text")).to_have_text("Which nurse?")
    expect(edith.page.locator("#comments-title")).to_be_focused()
    decide(site, ward, edith)


def test_queue_filter_by_keyboard(site: Site, ward: str, hands: Callable[[str], Keyboard]) -> None:
    """The letters that choose a value press no button."""
    waiting(site, ward, 2)
    edith = hands("editor")
    edith.open(f"/projects/{ward}/reviews")
    edith.skip()
    edith.tab_to("#f-tag")
    edith.type("en")
    assert edith.page.locator("#f-tag").input_value() == "language:en"
    edith.turn("Control+Enter")
    assert edith.page.url.endswith("/review?tag=language%3Aen")
    edith.turn("a")
    assert edith.page.url.endswith("/review?tag=language%3Aen") and decisions(site, ward) == ["accept"]
    edith.turn("u")
    expect(edith.page.get_by_text("Decision undone")).to_be_visible()
    assert edith.page.url.endswith(f"/projects/{ward}/reviews?tag=language%3Aen")
    edith.turn("n")
    edith.turn("g")
    assert edith.page.url.endswith(f"/projects/{ward}/reviews?tag=language%3Aen")


def decide(site: Site, slug: str, edith: Keyboard) -> None:
    """Each decision by its letter, undo and release, on nine pairs."""
    edith.turn("a")
    assert decisions(site, slug) == ["accept"]
    edith.press("f")
    assert edith.focused("#fix textarea")
    edith.type(" It is the nurse.")
    edith.turn("Control+Enter")
    for letter, decision in (("r", "return"), ("x", "reject"), ("e", "escalate")):
        edith.press(letter)
        assert edith.focused("#comment")
        expect(edith.page.locator(f"button[value={decision}]")).to_have_attribute("aria-pressed", "true")
        edith.type("By the rule.")
        edith.turn("Control+Enter")
    edith.turn("Control+Enter")
    made = ["accept", "fix_and_accept", "return", "reject", "escalate", "accept"]
    assert decisions(site, slug) == made
    edith.turn("u")
    assert decisions(site, slug) == made[:-1]
    edith.open(f"/projects/{slug}/reviews")
    edith.turn("Control+Enter")
    edith.turn("g")
    expect(edith.page.get_by_text("Pair released")).to_be_visible()
    edith.turn("u")
    assert decisions(site, slug) == made[:-2]


def test_adjudication_keys(site: Site, hands: Callable[[str], Keyboard]) -> None:
    editor = hands("editor")
    editor.open(f"/pairs/{site.scene.at['escalated']}/adjudicate")
    keys = listed(editor.page)
    assert keys == {"1", "…", "5", "0", *"JKAFRXW", "Ctrl+↵", "Esc", "?"}
    silent(editor, keys | set("12345"))
    editor.press("1", "2", "k", "0")
    assert rated(editor.page)[:2] == ["1", ""]
    for letter, decision in (("r", "return"), ("x", "reject")):
        editor.press(letter)
        expect(editor.page.locator(f"button[value={decision}]")).to_have_attribute("aria-pressed", "true")
        editor.press("Escape")
    editor.press("f")
    assert editor.focused("#fix textarea")
    editor.press("Escape", "w")
    editor.type("Rule 3.")
    editor.press("Escape")
    editor.turn("a")
    assert decisions(site, "ward")[-1] == "accept"


def test_writing_page_keys(ward: str, hands: Callable[[str], Keyboard]) -> None:
    emil = hands("expert")
    emil.open("/projects/triage/pairs/new")
    emil.press("Escape")
    keys = listed(emil.page)
    assert keys == {"Ctrl+↵", "Ctrl+S", "Ctrl+Z", "Esc", "G", "C", "←", "→", "?"}
    silent(emil, keys)
    emil.press("g")
    assert emil.focused("#guideline .drawer__body")
    emil.press("g")
    assert emil.focused("#guideline summary")
    emil.press("c")
    assert emil.focused("#checks")
    emil.tab_to("[data-tab=write][aria-controls=turn-1]", "Shift+Tab")
    emil.press("ArrowRight")
    expect(emil.page.locator("#turn-1-preview")).to_be_visible()
    emil.press("ArrowLeft")
    emil.tab_to("#turn-1")
    emil.type("Which desk takes a lost ring?")
    emil.press("Control+s")
    expect(emil.page.locator("#save-status")).to_contain_text("Saved")
    emil.press("Control+z")
    expect(emil.page.locator("#turn-1")).not_to_have_value("Which desk takes a lost ring?")
    emil.tab_to("#turn-2")
    emil.type("Self-care")
    emil.turn("Control+Enter")
    assert listed(emil.page) == {"Ctrl+↵", "E", "?"}
    silent(emil, {"e"})
    emil.turn("e")
    assert emil.page.url.endswith("/edit")


def test_text_typed_early_is_saved(ward: str, enter: Enter) -> None:
    """The desk's script comes late; the text that is there by then is saved and checked all the same."""
    context = enter("expert")
    held: list[Any] = []
    context.route("**/js/writing.js*", lambda route: held.append(route))
    page = context.new_page()
    page.goto(f"/projects/{ward}/pairs/new", wait_until="commit")
    expect(page.locator("#turn-1")).to_be_focused()
    page.keyboard.type("Write to ann.lee@example.org at once.")
    for route in held:
        route.continue_()
    expect(page.locator("#save-status")).to_contain_text("Saved", timeout=15_000)
    expect(page.locator("[data-code=pii]")).to_be_visible()
    context.unroute("**/js/writing.js*")
    page.reload()
    expect(page.locator("#turn-1")).to_have_value("Write to ann.lee@example.org at once.")
