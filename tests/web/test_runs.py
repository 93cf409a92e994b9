"""The run form: built from the recipe's fields, rejected forms keep their values."""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.testclient import TestClient

from app.domain.runs.tables import TrainingRun
from app.web import runs_recipe
from tests.fixtures.sample_project import World

Visit = Callable[[str | None], TestClient]
PATH = "/projects/triage/runs"


def post(client: TestClient, **fields: str) -> tuple[int, str, str]:
    token = re.search(r'name="csrf" value="([^"]+)"', client.get(f"{PATH}/new").text)
    assert token is not None
    response = client.post(PATH, data={"csrf": token[1], **fields}, follow_redirects=False)
    return response.status_code, response.text, response.headers.get("location", "")


def test_form_has_every_titled_field(visit: Visit) -> None:
    page = visit("ada").get(f"{PATH}/new").text
    for field in (*runs_recipe.fields(basic=True), *runs_recipe.fields(basic=False)):
        assert f'name="{field.name}"' in page and field.label in page
    assert 'placeholder="auto"' in page


def test_rejected_form_keeps_its_values(world: World, visit: Visit) -> None:
    _, page, _ = post(visit("ada"), version=world.ids["version"], epochs="-1", lora_rank="7")
    assert "recipe.epochs: Input should be greater than 0." in page
    assert 'value="-1"' in page and 'value="7"' in page


def test_form_starts_a_run(world: World, visit: Visit) -> None:
    fields = {"epochs": "2,5", "max_minutes": "", "method": "lora", "lora_rank": "4", "early_stopping_patience": ""}
    status, _, location = post(visit("ada"), version=world.ids["version"], **fields)
    assert status == 303
    with world.app.state.database.read() as session:
        recipe = session.get_one(TrainingRun, location.rpartition("/")[2]).recipe
    assert (recipe["epochs"], recipe["max_minutes"], recipe["lora"]["rank"]) == (2.5, "auto", 4)
    assert recipe["early_stopping"] is None
    assert "Auto" in visit("ada").get(location).text
