"""The writing page without JavaScript, and the fragments that its scripts request."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.fixtures.people import Cast

As = Callable[..., TestClient]
REASON = "The address belongs to nobody."


def token(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]*)"', page)
    assert found
    return found[1]


@pytest.fixture
def desk(cast: Cast, signed_in: As) -> tuple[TestClient, dict[str, Any]]:
    """Alice's browser and the form of a new pair, as it is sent."""
    alice = signed_in(cast.alice)
    form = {
        "csrf": token(alice.get("/projects/clinic/pairs/new").text),
        "role": ["system", "user", "assistant"],
        "content": ["", "Please write to ann.lee@example.org, it is 2 + 2 = 5.", "2 + 2 = 5 says ann.lee@example.org"],
        "source": "Own work",
        "license": "CC0",
        "declares": "yes",
        "assistance": "rephrased",
        "pasted_share": "0.4",
        "context_title": ["Hours", ""],
        "context_text": ["The desk opens at nine.", ""],
        "context_source": ["Intranet", ""],
    }
    return alice, form


def make(alice: TestClient, form: dict[str, Any]) -> dict[str, Any]:
    made = alice.post("/projects/clinic/pairs/autosave", data=form, headers={"accept": "application/json"})
    assert made.status_code == 200, made.text
    found: dict[str, Any] = made.json()
    return found


def test_problem_has_quote_and_fix(desk: Any) -> None:
    alice, form = desk
    text = alice.post("/projects/clinic/pairs/check", data=form).text
    assert "<mark>ann.lee@example.org</mark>" in text
    assert re.search(r'data-fix data-turn="0" data-start="16" data-end="35"', text), text
    assert 'data-expected="5" data-replacement="4"' in text
    assert 'data-waive="pii"' in text and "data-tokens=" in text


def test_waiver_reason_is_shown(desk: Any, cast: Cast, signed_in: As) -> None:
    alice, form = desk
    form |= {"waiver:pii": REASON}
    assert REASON in alice.post("/projects/clinic/pairs/check", data=form).text
    path = make(alice, form)["url"].removesuffix("/edit")
    look = alice.get(f"{path}/submit").text
    assert REASON in look and "1 unexplained warning" in look  # the sum is neither fixed nor explained
    assert alice.post(f"{path}/submit", data={"csrf": form["csrf"]}).status_code == 303
    shown = signed_in(cast.bob).get(path).text
    assert REASON in shown and "Kept</strong>" in shown
    assert "40% pasted" in shown and "Rephrased by a tool" in shown and "Pasting is normal" in shown


def test_waiver_of_blocking_is_dropped(desk: Any) -> None:
    alice, form = desk
    form |= {"waiver:duplicate": REASON, "waiver:nonsense": REASON}
    edit = alice.get(make(alice, form)["url"]).text
    assert REASON not in edit and "ann.lee@example.org" in edit


def test_context_documents_are_saved(desk: Any) -> None:
    alice, form = desk
    edit = alice.get(make(alice, form)["url"]).text
    for words in ("Hours", "The desk opens at nine.", "Intranet"):
        assert words in edit


def test_similar_pairs_are_compared(desk: Any) -> None:
    alice, form = desk
    form["content"] = ["", "Which desk takes the form for a lost travel letter, please?", "administration"]
    path = make(alice, form)["url"].removesuffix("/edit")
    alice.post(f"{path}/submit", data={"csrf": form["csrf"]})
    form["content"] = ["", "Which desk takes the form for a lost travel letter, perhaps?", "clinical"]
    text = alice.post("/projects/clinic/pairs/check", data=form).text
    assert " wording</strong>" in text and "Open pair" in text
    assert "<del>please</del>" in text and "<ins>perhaps</ins>" in text


def test_stale_save_offers_a_choice(desk: Any) -> None:
    alice, form = desk
    made = make(alice, form)
    path = made["url"].removesuffix("/edit")
    other = form | {"content": ["", "What the other tab wrote", "x"], "expected_revision": made["revision"]}
    newer = alice.post(f"{path}/autosave", data=other, headers={"accept": "application/json"}).json()["revision"]
    mine = form | {"content": ["", "What this tab wrote", "x"], "expected_revision": made["revision"]}
    refused = alice.post(f"{path}/save", data=mine)
    assert refused.status_code == 412
    assert "What the other tab wrote" in refused.text and "What this tab wrote" in refused.text
    assert f'name="over" value="{newer}"' in refused.text
    assert f'name="expected_revision" value="{made["revision"]}"' in refused.text
    assert alice.post(f"{path}/save", data=mine | {"over": newer}).status_code == 303
    assert "What this tab wrote" in alice.get(f"{path}/edit").text
    assert "<del>the other</del><ins>this</ins>" in alice.get(f"{path}?old=2&new=3").text


def test_comparison_finds_known_text(desk: Any, cast: Cast, signed_in: As) -> None:
    alice, form = desk
    made = make(alice, form)
    same = alice.post("/projects/clinic/pairs/compare", data=form | {"pair_id": made["pair"]}).text
    other = {"content": ["", "Quite another text", "x"], "pair_id": made["pair"]}
    assert "data-known" in same
    assert "data-known" not in alice.post("/projects/clinic/pairs/compare", data=form | other).text
    assert alice.post("/projects/clinic/pairs/compare", data=form | {"pair_id": "nothing"}).status_code == 404


def test_preview_is_sanitized(desk: Any) -> None:
    alice, form = desk
    body = {"csrf": form["csrf"], "text": "**bold** <script>alert(1)</script>\n\n```python\nx = 1\n```"}
    text = alice.post("/projects/clinic/pairs/preview", data=body).text
    assert "<strong>bold</strong>" in text and "<script" not in text and "<pre><code" in text


def test_settings_work_without_scripts(cast: Cast, signed_in: As) -> None:
    carol = signed_in(cast.carol)
    page = carol.get("/projects/clinic/settings").text
    assert page.count('name="rule_kind"') == 4  # three empty rows, and the template's
    form = {
        "csrf": token(page), "check:pii.email": "block", "check:filler": "", "second_opinions": "12.5", "gold": "10",
        "gold_first": "5", "least_for_agreement": "30",
        "rule_kind": ["must_not_contain", "max_words", ""], "rule_field": ["completion", "prompt", "completion"],
        "rule_value": ["as an AI\nI think", "90", ""], "rule_case": ["any", "exact", "any"],
        "rule_message": ["Say it plainly.", "", ""], "rule_severity": ["block", "warn", "warn"],
    }  # fmt: skip
    assert carol.post("/projects/clinic/settings", data=form).status_code == 303
    again = carol.get("/projects/clinic/settings").text
    assert "as an AI\nI think" in again and 'value="12.5"' in again and "Say it plainly." in again
    wrong = carol.post("/projects/clinic/settings", data=form | {"rule_value": ["", "many", ""]})
    assert wrong.status_code == 422 and "Your changes were not saved" in wrong.text and "many" in wrong.text
    assert carol.post("/projects/clinic/settings", data=form | {"check:secret": "off"}).status_code == 422
