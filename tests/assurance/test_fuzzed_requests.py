"""Requests made from the OpenAPI document, valid and not, as each role: an answer always, never one of 500 or above."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case

from app.domain.accounts import actions as accounts
from app.domain.accounts import queries as users
from tests.web.world import World, build

EXAMPLES = 10
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
def send(world: World, request: pytest.FixtureRequest) -> Iterator[Callable[[Case], int]]:
    """Sends a case with the role's token; the status of the answer."""
    person = ROLES[request.param]
    headers = {}
    if person:
        with world.app.state.database.session() as session:
            user = users.user_by_email(session, f"{person}@example.org")
            assert user is not None
            headers["Authorization"] = f"Bearer {accounts.issue_token(session, user=user)}"
    with TestClient(world.app, headers=headers, raise_server_exceptions=False, follow_redirects=False) as client:

        def answer(case: Case) -> int:
            sent = requests.Request(**{**case.as_transport_kwargs(headers=headers), "url": case_url(case)}).prepare()
            return client.request(
                case.method, sent.path_url, content=sent.body or b"", headers=dict(sent.headers)
            ).status_code

        yield answer


def known(world: World, parameter: str) -> str | None:
    """The id of something that is there."""
    return world.slug if parameter == "slug" else world.ids.get(IDS.get(parameter, ""))


@pytest.mark.assurance
@pytest.mark.parametrize("send", ROLES, indirect=True)
def test_no_request_breaks_the_server(
    world: World, send: Callable[[Case], int], tally: Callable[[str, int], None]
) -> None:
    document = schemathesis.openapi.from_asgi("/openapi.json", world.app)
    sent = 0
    for found in document.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy(), real=st.integers(0, 3))
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def never_breaks(case: Case, real: int) -> None:
            nonlocal sent
            if real:
                drawn = case.path_parameters or {}
                case.path_parameters = {name: known(world, name) or value for name, value in drawn.items()}
            status = send(case)
            sent += 1
            assert status < 500, (case.method, case.formatted_path, case.query, case.body, status)

        never_breaks()
    assert sent > 100
    tally("requests fuzzed", sent)
