"""The whole loop in a real browser, as three people: each with a browser of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fixtures.processes import Stack, wait_for
from tests.journeys import steps

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PROMPT = "Which desk takes the insurance form for my last invoice?"


class Person:
    """A signed-in browser that notes every error that a page prints."""

    def __init__(self, browser: Browser, stack: Stack, name: str) -> None:
        self.url = stack.url
        self.page: Page = browser.new_context(base_url=stack.url).new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.goto(stack.sign_in_link(name))
        self.press("Sign in")
        expect(self.page.get_by_role("heading", name=f"Hello, {name.title()}")).to_be_visible()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=re.compile(f"^{name}")).first.click()

    def fill(self, label: str, value: str) -> None:
        self.page.get_by_label(label, exact=True).first.fill(value)


@pytest.fixture
def people(browser: Browser, stack: Stack) -> Iterator[dict[str, Person]]:
    cast = {name: Person(browser, stack, name) for name in ("carol", "alice", "bob")}
    yield cast
    assert {name: person.errors for name, person in cast.items() if person.errors} == {}


def open_project(carol: Person) -> None:
    carol.page.goto("/projects/new")
    carol.fill("Name", "Clinic")
    carol.fill("URL slug", "clinic")
    carol.page.get_by_label("Task", exact=True).select_option("classification")
    carol.press("Create project")
    for email, role in (("alice@example.org", "expert"), ("bob@example.org", "editor")):
        carol.page.goto("/projects/clinic/members")
        carol.fill("Email", email)
        carol.page.get_by_label("Role", exact=True).select_option(role)
        carol.press("Add")
        expect(carol.page.get_by_role("cell", name=email)).to_be_visible()
    carol.page.goto("/projects/clinic/guidelines")
    carol.fill("Text", "# One desk\n\nAnswer with the desk's **name**, nothing else.")
    carol.press("Publish version 1")
    expect(carol.page.get_by_role("heading", name="One desk")).to_be_visible()


def write(alice: Person) -> None:
    """A draft with personal data is warned of while typing; mended, it is submitted by the keyboard."""
    alice.page.goto("/projects/clinic/pairs/new")
    alice.page.locator("#turn-1").fill(PROMPT + " Write to me at ann.lee@example.org.")
    alice.page.locator("#turn-2").fill("billing")
    expect(alice.page.get_by_text("email address")).to_be_visible()
    alice.page.locator("#turn-1").fill(PROMPT)
    expect(alice.page.get_by_text("email address")).to_be_hidden()
    alice.fill("Source", "written by Alice")
    alice.fill("License", "CC0-1.0")
    alice.page.locator("#turn-2").press("Control+Enter")
    expect(alice.page.get_by_role("heading", name="Review and submit")).to_be_visible()
    alice.press("Submit")
    expect(alice.page.get_by_text("Submitted").first).to_be_visible()


def take(bob: Person) -> None:
    bob.page.goto("/")
    bob.press("Start reviewing")
    expect(bob.page.get_by_role("heading", name="Review pair")).to_be_visible()
    bob.page.wait_for_load_state()  # a key pressed before the page's script arrived is nobody's
    for name in ("accuracy", "relevance", "guideline"):
        bob.page.keyboard.press("4")
        expect(bob.page.locator(f"input[name='rating:{name}'][value='4']")).to_be_checked()


def return_and_accept(alice: Person, bob: Person) -> None:
    take(bob)
    bob.page.locator("#comment").fill("Say which invoice.")
    bob.press("Return")
    wait_for(lambda: "/review" in bob.page.url, 10, "the next item")
    alice.page.goto("/")
    expect(alice.page.get_by_text("Say which invoice.")).to_be_visible()
    alice.page.get_by_role("link", name="Fix").click()
    alice.page.locator("#turn-1").fill("Which desk takes the insurance form for the invoice of my May visit?")
    alice.page.locator("#turn-1").press("Control+Enter")
    alice.press("Submit")
    expect(alice.page.get_by_text("Submitted").first).to_be_visible()
    take(bob)
    bob.press("Accept")
    wait_for(lambda: "/review" in bob.page.url, 10, "the next item")


def freeze(carol: Person) -> None:
    carol.page.goto("/projects/clinic/versions/new")
    for label, share in (("Train", "60"), ("Validation", "15"), ("Test", "25")):
        carol.fill(label, share)
    carol.press("Freeze version")
    carol.page.wait_for_url(re.compile("/versions/[0-9a-f]{32}"), timeout=60_000)
    expect(carol.page.get_by_text("129").first).to_be_visible()


def train(carol: Person) -> None:
    carol.page.goto("/projects/clinic/runs/new")
    carol.fill("Time limit (minutes)", "0.5")
    carol.press("Start run")
    expect(carol.page.get_by_role("heading", name="Training curve")).to_be_visible()
    expect(carol.page.locator("[data-live=train]")).to_have_text(re.compile(r"\d\.\d+"), timeout=90_000)
    expect(carol.page.get_by_role("heading", name="Answers side by side")).to_be_visible(timeout=240_000)
    expect(carol.page.get_by_text("Tuned model")).to_be_visible()


def close_the_loop(carol: Person, alice: Person) -> None:
    carol.press("Create finding")
    expect(carol.page.get_by_role("heading", name="New round")).to_be_visible()
    title = carol.page.get_by_label("Title", exact=True).input_value()
    carol.press("Create round")
    alice.page.goto("/")
    expect(alice.page.get_by_role("heading", name=re.compile(re.escape(title)))).to_be_visible()
    alice.page.get_by_role("link", name="Write for this round").click()
    expect(alice.page.get_by_text(re.compile("round 1"))).to_be_visible()


def test_three_people_complete_the_loop(stack: Stack, people: dict[str, Person]) -> None:
    carol, alice, bob = people["carol"], people["alice"], people["bob"]
    open_project(carol)
    write(alice)
    return_and_accept(alice, bob)
    steps.import_approved(stack)
    freeze(carol)
    train(carol)
    close_the_loop(carol, alice)
