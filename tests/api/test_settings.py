"""The settings of a project, and what an author declares, over the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.fixtures.people import Cast

As = Callable[..., TestClient]
SETTINGS = "/api/v1/projects/clinic/settings"
PAIRS = "/api/v1/projects/clinic/pairs"
PAIR: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Which desk answers ann.lee@example.org about a form?"},
                 {"role": "assistant", "content": "administration"}],
    "source": "written by Alice", "license": "CC0-1.0",
}  # fmt: skip
KEPT = [{"code": "pii", "reason": "The address is invented."}]


def test_admin_changes_settings(cast: Cast, as_user: As) -> None:
    carol = as_user(cast.carol)
    assert carol.get(SETTINGS).json()["least_for_agreement"] == 20
    changed = carol.patch(SETTINGS, json={"checks": {"pii": "block"}, "second_opinions": 0.25})
    assert changed.status_code == 200, changed.text
    again = carol.patch(SETTINGS, json={"gold_first": 5}).json()
    assert (again["checks"], again["second_opinions"], again["gold_first"]) == ({"pii": "block"}, 0.25, 5)


def test_settings_are_for_admins_only(cast: Cast, as_user: As) -> None:
    for person, status in ((cast.alice, 403), (cast.bob, 403), (cast.dave, 404)):
        assert as_user(person).get(SETTINGS).status_code == status
        assert as_user(person).patch(SETTINGS, json={"gold": 0.5}).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        {"checks": {"secret": "off"}},
        {"checks": {"nonsense": "off"}},
        {"checks": {"pii": "loud"}},
        {"rules": [{"kind": "max_words", "value": "many"}]},
        {"gold": 2},
        {"gold_first": 51},
        {"colour": "red"},
    ],
)
def test_wrong_setting_is_refused(body: dict[str, Any], cast: Cast, as_user: As) -> None:
    carol = as_user(cast.carol)
    before = carol.get(SETTINGS).json()
    assert carol.patch(SETTINGS, json=body).status_code == 422
    assert carol.get(SETTINGS).json() == before


def test_waivers_and_assistance_are_saved(cast: Cast, as_user: As) -> None:
    alice = as_user(cast.alice)
    made = alice.post(PAIRS, json={**PAIR, "assistance": "translated", "pasted_share": 0.4, "waivers": KEPT})
    assert made.status_code == 201, made.text
    pair = made.json()
    assert (pair["assistance"], pair["pasted_share"], pair["waivers"]) == ("translated", 0.4, KEPT)
    body = {**PAIR, "messages": [*PAIR["messages"][:1], {"role": "assistant", "content": "clinical"}]}
    saved = alice.put(f"/api/v1/pairs/{pair['id']}", json=body, headers={"If-Match": pair["revision"]}).json()
    assert saved["waivers"] == KEPT and saved["revision"] != pair["revision"]
    shown = as_user(cast.bob).get(f"/api/v1/pairs/{pair['id']}").json()["revisions"]
    assert [one["assistance"] for one in shown] == ["translated", "translated"]


@pytest.mark.parametrize(
    "extra",
    [
        {"waivers": [{"code": "nonsense", "reason": "Because of it."}]},
        {"waivers": [{"code": "duplicate", "reason": "Because of it."}]},
        {"waivers": [{"code": "pii", "reason": ""}]},
        {"waivers": [{"code": 7, "reason": "Because of it."}]},
        {"assistance": "ghost"},
        {"pasted_share": -0.1},
    ],
)
def test_wrong_declaration_is_refused(extra: dict[str, Any], cast: Cast, as_user: As) -> None:
    assert as_user(cast.alice).post(PAIRS, json={**PAIR, **extra}).status_code == 422
