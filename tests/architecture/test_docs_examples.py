"""The examples of the guide for engineers: files are read in their format, requests fit the interface's description."""

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
from app.domain.projects import criteria as project_criteria
from app.domain.projects import settings as project_settings
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
def interface(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("docs")))
    yield app
    app.state.database.dispose()


def spelt(path: str) -> str:
    """An address with every name that stands for something blanked, the example project's among them."""
    return re.sub(r"{\w+}", "{}", path).replace("/projects/letters", "/projects/{}")


# --- files ---


@pytest.mark.parametrize("form", [form for form in file_types.FORMATS if form not in ("auto", "parquet")])
def test_the_file_of_each_format_is_read(form: str) -> None:
    match = re.search(r"```\n(.*?)```", section(TEXT, f"`{form}`"), re.DOTALL)
    assert match, form
    for chosen in (form, "auto"):
        found = reader_process.scan(
            match.group(1).encode(), chosen, filename="example", source="here", license="CC0-1.0"
        )
        assert found.contents and not found.bad, form
        assert all(one.prompt.strip() and one.completion.strip() for one in found.contents)


def test_every_format_has_its_section_and_every_export_its_row() -> None:
    headed = re.findall(r"^### `(\w+)`$", TEXT, re.MULTILINE)
    assert sorted(headed) == sorted(set(file_types.FORMATS) - {"auto"})
    assert sorted(row[0] for row in rows(section(TEXT, "Export"))) == sorted(export.FORMATS)


# --- requests ---


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_address_is_a_route(path: Path, interface: Any) -> None:
    routes = [
        (spelt(route.path), getattr(route, "methods", None) or ()) for route in route_permissions.walk(interface.routes)
    ]
    known = {(method, address) for address, methods in routes for method in methods}
    told = set(ADDRESS.findall(path.read_text()))
    assert [one for one in sorted(told) if (one[0], spelt(one[1])) not in known] == []


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS, ids=[f"{one[0]} {one[1]}" for one in REQUESTS])
def test_a_body_has_the_fields_that_the_route_takes(method: str, path: str, body: str, interface: Any) -> None:
    described = interface.openapi()
    by_address = {spelt(address): operations for address, operations in described["paths"].items()}
    asked = by_address[spelt(path)][method.lower()].get("requestBody")
    assert bool(asked) == bool(body.strip())
    if asked:
        name = asked["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        schema = described["components"]["schemas"][name]
        assert set(schema.get("required", ())) <= set(json.loads(body)) <= set(schema["properties"])


def test_what_stands_in_the_bodies_is_accepted() -> None:
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
