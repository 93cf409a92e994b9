"""The queue filtered by a tag, without JavaScript: the filter stays in the URL."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.db.database import Database
from app.domain.accounts.tables import User
from app.domain.pairs import queries as pairs_queries
from app.web.reviews_filter import filtered_url, tag_of
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import configure_project, submitted
from tests.web.test_reviewing import ROOT, send

SignedIn = Callable[[User], TestClient]
HEART = "?tag=domain%3Acardiology"


@pytest.fixture
def made(database: Database, cast: Cast) -> Callable[..., list[str]]:
    """made("cardiology", "dermatology"): submitted pairs of these domains; their ids."""

    def make(*domains: str) -> list[str]:
        with database.session() as session:
            project = configure_project(session, cast)
            return [submitted(session, cast.alice, project, at, domain=one).id for at, one in enumerate(domains)]

    return make


def lease_on(html: str) -> str:
    found = re.search(r'name="lease" value="([^"]+)"', html)
    assert found
    return found[1]


def hidden(html: str, form: str) -> str:
    """The tag that the form at this address would send."""
    found = re.search(rf'<form[^>]* action="{re.escape(form)}".*?</form>', html, re.DOTALL)
    assert found, f"no form to {form}"
    tag = re.search(r'type="hidden" name="tag" value="([^"]*)"', found[0])
    return tag[1] if tag else ""


def test_filter_lasts_to_last_pair(signed_in: SignedIn, cast: Cast, made: Any) -> None:
    _, first, _, second = made("dermatology", "cardiology", "dermatology", "cardiology")
    bob = signed_in(cast.bob)
    page = bob.get(ROOT).text
    assert '<optgroup label="domain">' in page and '<option value="domain:cardiology" >' in page
    desk = send(bob, ROOT, f"{ROOT}/next", tag="domain:cardiology").headers["location"]
    assert desk == f"/pairs/{first}/review{HEART}"
    html = bob.get(desk).text
    assert hidden(html, f"/pairs/{first}/review") == hidden(html, f"/pairs/{first}/comments") == "domain:cardiology"
    review = {"decision": "accept", "tag": "domain:cardiology"}
    desk = send(bob, desk, f"/pairs/{first}/review", lease=lease_on(html), **review).headers["location"]
    assert desk == f"/pairs/{second}/review{HEART}"
    html = bob.get(desk).text
    assert hidden(html, f"{ROOT}/undo") == "domain:cardiology"
    done = send(bob, desk, f"/pairs/{second}/review", lease=lease_on(html), **review)
    assert done.headers["location"] == f"{ROOT}{HEART}"
    page = bob.get(f"{ROOT}{HEART}").text
    assert "No pairs with" in page and "<strong>2</strong> with other tags to review" in page
    assert f'href="{ROOT}">All tags</a>' in page and "selected>cardiology" in page


def test_release_undo_comment_keep_filter(signed_in: SignedIn, cast: Cast, made: Any) -> None:
    _, heart = made("dermatology", "cardiology")
    bob, tag = signed_in(cast.bob), {"tag": "domain:cardiology"}
    desk = send(bob, ROOT, f"{ROOT}/next", **tag).headers["location"]
    html = bob.get(desk).text
    back = re.search(r'name="back" value="(/projects[^"]+)"', html)
    assert back and back[1] == f"{ROOT}{HEART}"
    commented = send(bob, desk, f"/pairs/{heart}/comments", back="review", text="Which ward?", **tag)
    assert commented.headers["location"] == f"/pairs/{heart}/review{HEART}#comments"
    released = send(bob, desk, f"/leases/{lease_on(html)}/release", back=back[1])
    assert released.headers["location"] == f"{ROOT}{HEART}"
    desk = send(bob, f"{ROOT}{HEART}", f"{ROOT}/next", **tag).headers["location"]
    lease = lease_on(bob.get(desk).text)
    refused = send(bob, desk, f"/pairs/{heart}/review", lease=lease, decision="reject", **tag)
    assert refused.status_code == 422 and hidden(refused.text, f"/pairs/{heart}/review") == "domain:cardiology"
    send(bob, desk, f"/pairs/{heart}/review", lease=lease, decision="accept", **tag)
    page = bob.get(f"{ROOT}{HEART}").text
    review = re.search(r'name="review" value="([^"]+)"', page)
    assert review and hidden(page, f"{ROOT}/undo") == "domain:cardiology"
    undone = send(bob, ROOT, f"{ROOT}/undo", review=review[1], **tag)
    assert undone.headers["location"] == f"{ROOT}{HEART}"
    assert "Next: the oldest with" in bob.get(f"{ROOT}{HEART}").text


def test_pair_outside_filter_is_noted(signed_in: SignedIn, cast: Cast, made: Any) -> None:
    skin, _ = made("dermatology", "cardiology")
    bob = signed_in(cast.bob)
    desk = send(bob, ROOT, f"{ROOT}/next").headers["location"]
    assert desk == f"/pairs/{skin}/review" and "This pair doesn't have" not in bob.get(desk).text
    page = bob.get(f"{ROOT}{HEART}").text
    assert re.search(r"The pair in progress doesn't have .*cardiology.*\.", page)
    desk = send(bob, ROOT, f"{ROOT}/next", tag="domain:cardiology").headers["location"]
    assert desk == f"/pairs/{skin}/review{HEART}"
    assert re.search(r"This pair doesn't have .*cardiology", bob.get(desk).text)


@pytest.mark.parametrize("tag", ["cardiology", "domain:", ":"])
def test_invalid_tag_saves_nothing(signed_in: SignedIn, cast: Cast, made: Any, tag: str) -> None:
    (pair,) = made("cardiology")
    bob = signed_in(cast.bob)
    assert bob.get(ROOT, params={"tag": tag}).status_code == 422
    assert send(bob, ROOT, f"{ROOT}/next", tag=tag).status_code == 422
    desk = send(bob, ROOT, f"{ROOT}/next").headers["location"]
    lease = lease_on(bob.get(desk).text)
    assert send(bob, desk, desk, lease=lease, decision="accept", tag=tag).status_code == 422
    assert bob.get(desk).status_code == 200, f"{pair} is still on the desk"


def test_tag_in_url_is_escaped(signed_in: SignedIn, cast: Cast, made: Any) -> None:
    made("cardiology")
    tag = 'domain:"><script>alert(1)</script>'
    page = signed_in(cast.bob).get(ROOT, params={"tag": tag}).text
    assert "<script>alert(1)" not in page and "No pairs with" in page
    assert (
        filtered_url("/projects/clinic/reviews", tag_of("a b:c&d=e#f"))
        == "/projects/clinic/reviews?tag=a+b%3Ac%26d%3De%23f"
    )


def test_many_values_only_filter_by_url(
    signed_in: SignedIn, cast: Cast, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs_queries, "MAX_CHOICES", 2)
    made("cardiology", "dermatology", "oncology")
    bob = signed_in(cast.bob)
    assert 'value="domain:' not in bob.get(ROOT).text
    page = bob.get(f"{ROOT}{HEART}").text
    assert "Next: the oldest with" in page and page.count('value="domain:') == 1 and "selected>cardiology" in page
