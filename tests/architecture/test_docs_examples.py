"""The examples in the guide for engineers: files are read in their format, requests match the OpenAPI description."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.domain.checks.registry import parse_settings
from app.domain.imports import reader_process
from app.domain.imports.reading import file_types
from app.domain.pairs import content as pair_content
from app.domain.projects import criteria as project_criteria, settings as project_settings
from app.domain.reviews.decisions import DECISIONS
from app.domain.rounds import targets as round_targets
from app.domain.versions import export
from app.http import route_permissions
from app.main import create_app
from app.settings import Settings
from tests.architecture.test_docs import DOCUMENTS, GUIDE, rows, section
from trainer.protocol import Recipe

TEXT = (GUIDE / "for-engineers.md").read_text()
REQUESTS = re.findall(r"```http\n([A-Z]+) (\S+)\n(.*?)```", TEXT, re.DOTALL)
BODIES = [(path, json.loads(body)) for _, path, body in REQUESTS if body.strip()]
ADDRESS = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w/{}.-]+)")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("docs")))
    yield app
    app.state.database.dispose()


def normalized(path: str) -> str:
    """Return the path with its parameters blanked, and with the example project as a parameter."""
    return re.sub(r"{\w+}", "{}", path).replace("/projects/letters", "/projects/{}")


# --- files ---


@pytest.mark.parametrize("form", [form for form in file_types.FORMATS if form not in ("auto", "parquet")])
def test_example_files_are_read(form: str) -> None:
    match = re.search(r"```\n(.*?)```", section(TEXT, f"`{form}`"), re.DOTALL)
    assert match, form
    for chosen in (form, "auto"):
        result = reader_process.scan(
            [match.group(1).encode()], chosen, filename="example", source="here", license="CC0-1.0"
        )
        assert result.contents and not result.bad, form
        assert all(content.prompt.strip() and content.completion.strip() for content in result.contents)


def test_formats_are_documented() -> None:
    headings = re.findall(r"^### `(\w+)`$", TEXT, re.MULTILINE)
    assert sorted(headings) == sorted(set(file_types.FORMATS) - {"auto"})
    assert sorted(row[0] for row in rows(section(TEXT, "Export"))) == sorted(export.FORMATS)


# --- requests ---


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_routes_exist(path: Path, api: Any) -> None:
    routes = [
        (normalized(route.path), getattr(route, "methods", None) or ()) for route in route_permissions.walk(api.routes)
    ]
    known = {(method, address) for address, methods in routes for method in methods}
    documented = set(ADDRESS.findall(path.read_text()))
    assert [route for route in sorted(documented) if (route[0], normalized(route[1])) not in known] == []


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS, ids=[f"{method} {path}" for method, path, _ in REQUESTS])
def test_bodies_match_openapi(method: str, path: str, body: str, api: Any) -> None:
    openapi = api.openapi()
    by_address = {normalized(address): operations for address, operations in openapi["paths"].items()}
    request_body = by_address[normalized(path)][method.lower()].get("requestBody")
    assert bool(request_body) == bool(body.strip())
    if request_body:
        name = request_body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        schema = openapi["components"]["schemas"][name]
        assert set(schema.get("required", ())) <= set(json.loads(body)) <= set(schema["properties"])


def test_bodies_are_valid() -> None:
    for _, body in BODIES:
        if "messages" in body:
            pair_content.parse({name: value for name, value in body.items() if name in pair_content.KEYS})
        if "criteria" in body:
            project_criteria.parse(body["criteria"])
        if "recipe" in body:
            Recipe.model_validate(body["recipe"])
        if "targets" in body:
            round_targets.parse(body["targets"])
        if "rules" in body:
            project_settings.parse(body)
            parse_settings(body["checks"])
        if "decision" in body:
            assert body["decision"] in DECISIONS
    assert {"messages", "criteria", "recipe", "targets", "rules", "decision"} <= {
        name for _, body in BODIES for name in body
    }
