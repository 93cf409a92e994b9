"""The guides as pages: every one opens, and links between them stay inside the application."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.web.help import DOCS, GUIDES, in_app, slug


@pytest.fixture
def reader(cast: Any, signed_in: Callable[[Any], TestClient]) -> TestClient:
    return signed_in(cast.alice)


def test_index_lists_every_guide(reader: TestClient) -> None:
    page = reader.get("/help").text
    assert all(f'href="/help/{name}"' in page for name in GUIDES)


@pytest.mark.parametrize("name", GUIDES)
def test_guide_opens_with_working_links(reader: TestClient, name: str) -> None:
    page = reader.get(f"/help/{name}").text
    file, _ = GUIDES[name]
    heading = re.search(r"^# (.+)$", (DOCS / file).read_text(), re.MULTILINE)
    assert heading and f'id="{slug(heading[1])}"' in page
    for link in re.findall(r'href="(/help/[^"#]+)', page):
        assert reader.get(link).status_code == 200


def test_unknown_guide_is_not_found(reader: TestClient) -> None:
    assert reader.get("/help/unknown").status_code == 404
    assert reader.get("/help/..%2F..%2Fpyproject.toml").status_code == 404


def test_foreign_links_stay_as_they_are() -> None:
    assert in_app("guide/checks.md#codes") == "/help/checks#codes"
    assert in_app("https://example.org/checks.md") == "https://example.org/checks.md"
    assert in_app("#codes") == "#codes"
