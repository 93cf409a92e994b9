"""One noun, one name: a room of the domain names its URL, templates, web and API modules and tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.http import route_permissions
from app.main import create_app
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = ROOT / "app" / "domain"
ROOMS = sorted(path.name for path in DOMAIN.iterdir() if (path / "__init__.py").exists())
PAGE_PARTS = {"account", "components", "errors", "home", "layouts", "style", "help"}
"""Template folders that belong to no room."""
WEB_PARTS = {"account", "csrf", "deps", "errors", "forms", "help", "home", "render", "routes"}
API_PARTS = {"account", "deps", "downloads", "idempotency", "jobs", "routes", "schemas", "strict_route", "worker"}
URLS = {
    # Standard words for one's own account, for signing in and for the terms of contribution.
    "account": "accounts", "sign-in": "auth", "sign-out": "auth", "terms": "consent",
    # A lease belongs to a review; agreement and gold measure reviews.
    "leases": "reviews", "agreement": "review_quality", "gold": "review_quality",
    # Settings and members of a project; jobs of the queue are shown where imports are.
    "settings": "projects", "members": "projects", "jobs": "imports", "criteria": "projects",
}  # fmt: skip
NO_ROOM = {"", "static", "healthz", "openapi.json", "style", "help"}


def stem_belongs(stem: str, extra: set[str]) -> bool:
    """Whether a module is named after a room ("pairs", "pairs_form" …) or is a shared part."""
    return stem in extra or any(stem == room or stem.startswith(f"{room}_") for room in ROOMS)


def python_stems(folder: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / folder).glob("*.py") if path.stem != "__init__")


def test_template_folders_are_rooms() -> None:
    folders = {path.name for path in (ROOT / "templates").iterdir() if path.is_dir()}
    assert folders - set(ROOMS) - PAGE_PARTS == set()


def test_web_modules_are_rooms() -> None:
    assert [stem for stem in python_stems("app/web") if not stem_belongs(stem, WEB_PARTS)] == []


def test_api_modules_are_rooms() -> None:
    assert [stem for stem in python_stems("app/api") if not stem_belongs(stem, API_PARTS)] == []


def test_domain_tests_are_rooms() -> None:
    folders = {path.name for path in (ROOT / "tests" / "domain").iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders - set(ROOMS) == set()


@pytest.fixture(scope="module")
def page_routes(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    app = create_app(Settings(data_dir=Path(tmp_path_factory.mktemp("rooms")), secret_key="signs nothing at all" * 3))
    routes = route_permissions.walk(app.routes)
    return [route for route in routes if not route.path.startswith(("/api/", "/worker/"))]


def nouns(path: str) -> Iterator[str]:
    """The room words of a path: its first word, and the word after /projects/{slug}."""
    words = path.strip("/").split("/")
    yield words[0]
    if words[0] == "projects" and len(words) > 2:
        yield words[2]


def test_page_urls_are_rooms(page_routes: list[Any]) -> None:
    unknown = {
        route.path
        for route in page_routes
        for noun in nouns(route.path)
        if URLS.get(noun, noun) not in ROOMS and noun not in NO_ROOM
    }
    assert unknown == set()


def imports_of(path: Path) -> Iterator[tuple[str, str, str]]:
    """(module, name, alias) of each `from module import name as alias`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                yield node.module, name.name, name.asname or name.name


def test_aliases_mean_the_same_everywhere() -> None:
    """`pairs_queries` is app.domain.pairs.queries in every file; inside the room it is `queries`."""
    wrong = []
    for folder in ("app", "tests", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            for module, name, alias in imports_of(path):
                parts = module.split(".")
                if len(parts) != 3 or parts[:2] != ["app", "domain"] or name not in ("actions", "queries"):
                    continue
                inside = path.is_relative_to(DOMAIN / parts[2])
                if alias != (name if inside else f"{parts[2]}_{name}"):
                    wrong.append(f"{path.relative_to(ROOT)}: {module}.{name} as {alias}")
    assert wrong == []
