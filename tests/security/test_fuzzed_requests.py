"""Requests made from the OpenAPI document, valid and not, as each role: each response is one that it describes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from schemathesis import Case
from schemathesis.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from app.domain.accounts import actions as accounts_actions, queries as accounts_queries
from app.main import create_app
from app.settings import Settings
from tests.conftest import KEY
from tests.fixtures.sample_project import World, build

EXAMPLES = 10
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
Drawn = tuple[Case, dict[str, Any], bool]
"""A request, its path parameters, and whether ids of existing objects replace them."""
ROLES = {"nobody": None, "expert": "emil", "editor": "edith", "admin": "ada", "outsider": "otto"}
IDS = {
    "pair_id": "draft",
    "version_id": "version",
    "other_id": "version",
    "run_id": "run",
    "finding_id": "finding",
    "job_id": "job",
}


def case_url(case: Case) -> str:
    return f"http://testserver{case.formatted_path}"


@pytest.fixture
def world(app: Any) -> World:
    return build(app)


@pytest.fixture
def send(world: World, request: pytest.FixtureRequest) -> Iterator[Callable[[Case], httpx.Response]]:
    """Send a case with the role's token; return the response."""
    person = ROLES[request.param]
    headers = {}
    if person:
        with world.app.state.database.session() as session:
            user = accounts_queries.user_by_email(session, f"{person}@example.org")
            assert user is not None
            headers["Authorization"] = f"Bearer {accounts_actions.issue_token(session, user=user)}"
    with TestClient(world.app, headers=headers, raise_server_exceptions=False, follow_redirects=False) as client:

        def respond(case: Case) -> httpx.Response:
            sent = requests.Request(**{**case.as_transport_kwargs(headers=headers), "url": case_url(case)}).prepare()
            return client.request(case.method, sent.path_url, content=sent.body or b"", headers=dict(sent.headers))

        yield respond


def known(world: World, parameter: str) -> str | None:
    """Return the id of an existing object."""
    return world.slug if parameter == "slug" else world.ids.get(IDS.get(parameter, ""))


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Drawn]:
    """The requests, the same for each role and engine, and so generated once."""
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("described"), secret_key=KEY))
    made: list[Drawn] = []
    for found in schemathesis.openapi.from_dict(app.openapi()).get_all_operations():

        @given(case=found.ok().as_strategy(), real=st.integers(0, 3))
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def draw(case: Case, real: int) -> None:
            made.append((case, dict(case.path_parameters or {}), bool(real)))

        draw()
    app.state.database.dispose()
    return made


@pytest.mark.assurance
@pytest.mark.parametrize("send", ROLES, indirect=True)
def test_responses_match_openapi(
    world: World, cases: list[Drawn], send: Callable[[Case], httpx.Response], tally: Callable[[str, int], None]
) -> None:
    """No crash, and no status, content type or body that the OpenAPI document does not describe."""
    for case, parameters, real in cases:
        case.path_parameters = {
            name: (known(world, name) if real else None) or value for name, value in parameters.items()
        }
        response = send(case)
        assert response.status_code < 500, (case.method, case.formatted_path, case.query, case.body, response.text)
        case.validate_response(response, checks=CHECKS)
    assert len(cases) > 100
    tally("requests fuzzed", len(cases))
