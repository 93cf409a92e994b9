"""The queue narrowed to one tag, without JavaScript: the choice stays in the address for as long as one works."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.db.database import Database
from app.domain.accounts.tables import User
from app.domain.pairs import queries as pairs_queries
from app.web.queue_filter import address, tag_of
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import chosen, submitted
from tests.web.test_reviewing import ROOT, send

SignedIn = Callable[[User], TestClient]
HEART = "?tag=domain%3Acardiology"


@pytest.fixture
def made(database: Database, cast: Cast) -> Callable[..., list[str]]:
    """made("cardiology", "dermatology"): submitted pairs of these domains; their ids."""

    def make(*domains: str) -> list[str]:
        with database.session() as session:
            project = chosen(session, cast)
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


def test_the_choice_goes_along_from_the_queue_to_the_last_item(signed_in: SignedIn, cast: Cast, made: Any) -> None:
    _, first, _, second = made("dermatology", "cardiology", "dermatology", "cardiology")
    bob = signed_in(cast.bob)
    page = bob.get(ROOT).text
    assert '<optgroup label="domain">' in page and '<option value="domain:cardiology" >' in page
    desk = send(bob, ROOT, f"{ROOT}/next", tag="domain:cardiology").headers["location"]
    assert desk == f"/pairs/{first}/review{HEART}"
    html = bob.get(desk).text
    assert hidden(html, f"/pairs/{first}/review") == hidden(html, f"/pairs/{first}/comments") == "domain:cardiology"
    verdict = {"decision": "accept", "tag": "domain:cardiology"}
    desk = send(bob, desk, f"/pairs/{first}/review", lease=lease_on(html), **verdict).headers["location"]
    assert desk == f"/pairs/{second}/review{HEART}"
    html = bob.get(desk).text
    assert hidden(html, f"{ROOT}/undo") == "domain:cardiology"
    done = send(bob, desk, f"/pairs/{second}/review", lease=lease_on(html), **verdict)
    assert done.headers["location"] == f"{ROOT}{HEART}"
    page = bob.get(f"{ROOT}{HEART}").text
    assert "Nothing with" in page and "<strong>2</strong> with other tags wait" in page
    assert f'href="{ROOT}">All tags</a>' in page and "selected>cardiology" in page


def test_give_back_undo_and_a_remark_stay_in_the_queue_of_the_tag(signed_in: SignedIn, cast: Cast, made: Any) -> None:
    _, heart = made("dermatology", "cardiology")
    bob, tag = signed_in(cast.bob), {"tag": "domain:cardiology"}
    desk = send(bob, ROOT, f"{ROOT}/next", **tag).headers["location"]
    html = bob.get(desk).text
    back = re.search(r'name="back" value="(/projects[^"]+)"', html)
    assert back and back[1] == f"{ROOT}{HEART}"
    said = send(bob, desk, f"/pairs/{heart}/comments", back="review", text="Which ward?", **tag)
    assert said.headers["location"] == f"/pairs/{heart}/review{HEART}#comments"
    given_back = send(bob, desk, f"/leases/{lease_on(html)}/release", back=back[1])
    assert given_back.headers["location"] == f"{ROOT}{HEART}"
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
    assert "You get the oldest with" in bob.get(f"{ROOT}{HEART}").text


def test_an_item_of_another_value_on_the_desk_is_told(signed_in: SignedIn, cast: Cast, made: Any) -> None:
    skin, _ = made("dermatology", "cardiology")
    bob = signed_in(cast.bob)
    desk = send(bob, ROOT, f"{ROOT}/next").headers["location"]
    assert desk == f"/pairs/{skin}/review" and "not of" not in bob.get(desk).text
    page = bob.get(f"{ROOT}{HEART}").text
    assert re.search(r"It is not of .*cardiology.*comes first\.", page)
    desk = send(bob, ROOT, f"{ROOT}/next", tag="domain:cardiology").headers["location"]
    assert desk == f"/pairs/{skin}/review{HEART}"
    assert re.search(r"This item is not of .*cardiology", bob.get(desk).text)


@pytest.mark.parametrize("tag", ["cardiology", "domain:", ":"])
def test_a_tag_that_cannot_be_read_records_nothing(signed_in: SignedIn, cast: Cast, made: Any, tag: str) -> None:
    (pair,) = made("cardiology")
    bob = signed_in(cast.bob)
    assert bob.get(ROOT, params={"tag": tag}).status_code == 422
    assert send(bob, ROOT, f"{ROOT}/next", tag=tag).status_code == 422
    desk = send(bob, ROOT, f"{ROOT}/next").headers["location"]
    lease = lease_on(bob.get(desk).text)
    assert send(bob, desk, desk, lease=lease, decision="accept", tag=tag).status_code == 422
    assert bob.get(desk).status_code == 200, f"{pair} is still on the desk"


def test_what_a_stranger_wrote_into_the_address_is_shown_as_text(signed_in: SignedIn, cast: Cast, made: Any) -> None:
    made("cardiology")
    tag = 'domain:"><script>alert(1)</script>'
    page = signed_in(cast.bob).get(ROOT, params={"tag": tag}).text
    assert "<script>alert(1)" not in page and "Nothing with" in page
    assert (
        address("/projects/clinic/reviews", tag_of("a b:c&d=e#f")) == "/projects/clinic/reviews?tag=a+b%3Ac%26d%3De%23f"
    )


def test_a_long_list_of_values_is_no_choice_but_may_be_in_the_address(
    signed_in: SignedIn, cast: Cast, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs_queries, "MOST_CHOICES", 2)
    made("cardiology", "dermatology", "oncology")
    bob = signed_in(cast.bob)
    assert 'value="domain:' not in bob.get(ROOT).text
    page = bob.get(f"{ROOT}{HEART}").text
    assert "You get the oldest with" in page and page.count('value="domain:') == 1 and "selected>cardiology" in page
