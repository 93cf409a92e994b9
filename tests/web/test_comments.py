"""Remarks and notifications in a browser without JavaScript, and in one with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.db.database import Database
from app.domain.accounts.tables import User
from app.domain.comments import actions as comments_actions
from app.domain.comments.anchors import CommentAnchor
from app.domain.comments.tables import Comment
from app.domain.notifications import queries as notifications_queries
from app.domain.pairs import actions as pairs_actions, content as pair_content
from app.domain.pairs.tables import Pair
from app.domain.reviews import actions as reviews_actions
from app.domain.webhooks.tables import Webhook
from tests.conftest import LiveServer
from tests.fixtures.people import Cast, make_cast
from tests.fixtures.web_client import Browser

PROMPT = "Where do I hand in the form, and where is the form for travel costs?"


@pytest.fixture
def pair(database: Database, cast: Cast) -> Pair:
    with database.session() as session:
        content = pair_content.pair(PROMPT, "Front desk", source="Own work", licence="CC0-1.0", tags={"language": "en"})
        made = pairs_actions.create(session, cast.alice, cast.project, content)
        session.flush()
        return pairs_actions.submit(session, cast.alice, made)


@pytest.fixture
def browse(app: Any, signed_in: Callable[[User], TestClient]) -> Callable[[User], Browser]:
    def start(user: User) -> Browser:
        browser = Browser(app)
        browser.client = signed_in(user)
        return browser

    return start


def only(database: Database) -> Comment:
    with database.read() as session:
        return session.scalars(select(Comment).where(Comment.parent_id.is_(None))).one()


def test_comment_reply_resolve(database: Database, cast: Cast, pair: Pair, browse: Callable[[User], Browser]) -> None:
    bob, alice, page = browse(cast.bob), browse(cast.alice), f"/pairs/{pair.id}"
    sent = bob.send(f"{page}/comments", page=page, field="messages.0", quote="the form", nth="1", text="<b>Which?</b>")
    assert (sent.status_code, sent.headers["location"]) == (303, f"{page}#comments")
    comment = only(database)
    assert comment.start == PROMPT.rindex("the form") and comment.quote == "the form"
    shown = alice.get(page).text
    assert "&lt;b&gt;Which?&lt;/b&gt;" in shown and "· Prompt ·" in shown and "1 open" in shown
    alice.send(f"{page}/comments", page=page, parent=comment.id, text="The second.")
    alice.send(f"/comments/{comment.id}/resolve", page=page)
    assert only(database).resolved_by == cast.alice.id
    shown = bob.get(page).text
    assert "The second." in shown and "0 open, 1 resolved" in shown and "Reopen" in shown


def test_unknown_quote_keeps_input(
    database: Database, cast: Cast, pair: Pair, browse: Callable[[User], Browser]
) -> None:
    bob, page = browse(cast.bob), f"/pairs/{pair.id}"
    answer = bob.send(f"{page}/comments", page=page, field="messages.0", quote="zebra crossing", text="My long comment")
    assert answer.status_code == 409 and "My long comment" in answer.text and "quoted text is not" in answer.text
    with database.read() as session:
        assert session.scalars(select(Comment)).all() == []


def test_htmx_gets_fragment(cast: Cast, pair: Pair, browse: Callable[[User], Browser]) -> None:
    bob, page = browse(cast.bob), f"/pairs/{pair.id}"
    bob.client.headers["HX-Request"] = "true"
    answer = bob.send(f"{page}/comments", page=page, text="Hello")
    assert answer.status_code == 200 and answer.text.lstrip().startswith("<section") and "Hello" in answer.text
    assert "<html" not in answer.text


def test_comments_of_reviewers_are_blind(
    database: Database, cast: Cast, pair: Pair, browse: Callable[[User], Browser]
) -> None:
    with database.session() as session:
        comments_actions.add(session, cast.carol, pair, "I would reject this.", CommentAnchor())
        lease = reviews_actions.take_next(session, cast.bob, cast.project)
        assert lease is not None
    bob = browse(cast.bob)
    for page in (f"/pairs/{pair.id}/review", f"/pairs/{pair.id}"):
        shown = bob.get(page)
        assert shown.status_code == 200 and "I would reject this." not in shown.text
    assert pair.id not in bob.get("/projects/clinic/pairs?unresolved=true").text
    back = bob.send(f"/pairs/{pair.id}/comments", page=f"/pairs/{pair.id}/review", text="Mine", back="review")
    assert back.headers["location"] == f"/pairs/{pair.id}/review#comments"
    assert pair.id in bob.get("/projects/clinic/pairs?unresolved=true").text


def test_notifications_marked_read(
    database: Database, cast: Cast, pair: Pair, browse: Callable[[User], Browser]
) -> None:
    with database.session() as session:
        comments_actions.add(session, cast.bob, pair, "Hm", CommentAnchor())
    alice = browse(cast.alice)
    page = alice.get("/notifications").text
    assert "2 unread" in page and "A new comment on a pair" in page and "A guideline was published" in page
    with database.read() as session:
        line = notifications_queries.page(session, cast.alice).items[0]
        theirs = notifications_queries.page(session, cast.bob).items[0]
    opened = alice.send("/notifications/read", page="/notifications", id=line.id, open="yes")
    assert opened.headers["location"] == f"/pairs/{pair.id}#comments"
    assert "1 unread" in alice.get("/").text
    assert alice.send("/notifications/read", page="/notifications", id=theirs.id).status_code == 404
    alice.send("/notifications/read", page="/notifications", all="yes")
    assert "unread" not in alice.get("/projects").text
    assert "No unread notifications" in alice.get("/notifications").text
    assert "A new comment on a pair" in alice.get("/notifications?all=true").text


def test_webhook_created_and_deleted(
    app: Any, database: Database, cast: Cast, browse: Callable[[User], Browser]
) -> None:
    carol, page = browse(cast.carol), "/projects/clinic/webhooks"
    refused = carol.send(page, url="https://hooks.example.org/x", kind="run.done")
    assert refused.status_code == 422 and "PRECEPTOR_WEBHOOK_HOSTS" in refused.text
    app.state.settings.webhook_hosts.append("hooks.example.org")
    made = carol.send(page, url="https://hooks.example.org/x", kind="run.done")
    assert made.status_code == 200 and "whsec_" in made.text
    listed = carol.get(page).text
    assert "https://hooks.example.org/x" in listed and "whsec_" not in listed
    with database.read() as session:
        webhook = session.scalars(select(Webhook)).one()
    assert carol.send(f"/webhooks/{webhook.id}/delete", page=page).status_code == 303
    assert "No webhooks" in carol.get(page).text
    assert browse(cast.bob).get(page).status_code == 403


@pytest.mark.browser
def test_c_comments_on_selection(live_server: LiveServer, browser: Any) -> None:
    """On the review page, C alone opens the comment form; ratings stay as they are."""
    with live_server.database.session() as session:
        cast = make_cast(session, slug="comments-live")
        content = pair_content.pair(PROMPT, "Front desk", source="Own work", licence="CC0-1.0", tags={"language": "en"})
        made = pairs_actions.create(session, cast.alice, cast.project, content)
        session.flush()
        pairs_actions.submit(session, cast.alice, made)
    page = browser.new_context(base_url=live_server.url).new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.goto(live_server.link("bob@example.org"))
    page.get_by_role("button", name="Sign in").click()
    page.goto("/projects/comments-live/reviews")
    page.locator("#next-button").click()
    page.locator(".scale input[value='4']").first.check(force=True)
    page.evaluate(
        """() => { const text = document.querySelector("[data-field='messages.0'] p").firstChild;
             const at = text.data.lastIndexOf("the form"), range = document.createRange();
             range.setStart(text, at); range.setEnd(text, at + 8);
             getSelection().removeAllRanges(); getSelection().addRange(range); }"""
    )
    page.locator(".comment-button").wait_for(state="visible")
    page.keyboard.press("c")
    assert page.locator("#comment-quote").input_value() == "the form"
    page.keyboard.type("Which one?")
    page.locator("#comment-form button").click()
    page.locator(".comment__quote").wait_for()
    assert page.locator(".scale input[value='4']").first.is_checked() and errors == []
    with live_server.database.read() as session:
        kept = session.scalars(select(Comment).where(Comment.pair_id == made.id)).one()
    assert (kept.start, kept.text) == (PROMPT.rindex("the form"), "Which one?")
