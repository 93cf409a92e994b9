"""The pages of lineage, of one's own data and of the terms: who sees them, and what they say."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import yaml
from sqlalchemy import select
from starlette.testclient import TestClient

from app.domain.accounts import queries as accounts_queries
from app.domain.lineage.cards import escape_markdown
from app.domain.models.tables import ModelVersion
from tests.fixtures.sample_project import World

Visit = Callable[[str | None], TestClient]


@pytest.fixture(scope="module")
def model(world: World) -> str:
    with world.app.state.database.read() as session:
        return str(session.scalars(select(ModelVersion.id)).one())


@pytest.fixture(scope="module")
def emil(world: World) -> str:
    with world.app.state.database.read() as session:
        user = accounts_queries.user_by_email(session, "emil@example.org")
        assert user is not None
        return user.id


def post(client: TestClient, address: str, came_from: str, **fields: str) -> int:
    token = re.search(r'name="csrf" value="([^"]+)"', client.get(came_from).text)
    assert token is not None
    return int(client.post(address, data={"csrf": token[1], **fields}).status_code)


def test_from_a_model_to_every_example(world: World, visit: Visit, model: str) -> None:
    page = visit("edith").get(f"/models/{model}/lineage").text
    assert "Lineage of model 1" in page and "CC BY 4.0" in page and "Written for this project" in page
    assert page.count('href="/pairs/') == 49
    assert "trained on withdrawn data" not in page.lower()


def test_names_are_for_admins(world: World, visit: Visit, model: str) -> None:
    for address in (f"/models/{model}/lineage", f"/versions/{world.ids['version']}/lineage"):
        assert "Emil Expert" in visit("ada").get(address).text
        seen = visit("edith").get(address).text
        assert "Emil Expert" not in seen and "contributor-" in seen


@pytest.mark.parametrize("place", ["versions", "models"])
def test_lineage_is_the_members_own(world: World, visit: Visit, model: str, place: str) -> None:
    address = f"/{place}/{world.ids['version'] if place == 'versions' else model}/lineage"
    assert visit("otto").get(address).status_code == 404
    assert visit("edith").get(f"/{place}/{'0' * 32}/lineage").status_code == 404
    assert visit("edith").get(f"{address}?cursor=x").status_code == 422


def test_the_pages_of_a_person_are_the_admins_own(world: World, visit: Visit, emil: str) -> None:
    for part in ("contributions", "erase", "data.zip"):
        assert visit("ada").get(f"/accounts/{emil}/{part}").status_code == 200
        assert visit("edith").get(f"/accounts/{emil}/{part}").status_code == 403


def test_one_sees_where_one_s_own_work_went(world: World, visit: Visit) -> None:
    page = visit("emil").get("/account/data").text
    assert "Version 1" in page and "Model 1" in page and "contributor-" in page
    assert visit("emil").get("/account/data.zip").content[:2] == b"PK"


def test_a_pair_says_where_it_is_used(world: World, visit: Visit) -> None:
    assert "Used in" in visit("emil").get(f"/pairs/{world.ids['approved']}").text
    assert "Used in" not in visit("emil").get(f"/pairs/{world.ids['draft']}").text


def test_asking_to_be_erased_reaches_the_admins_once(world: World, visit: Visit) -> None:
    edith = visit("edith")
    assert post(edith, "/account/data/erasure", "/terms", x="") == 303
    assert post(edith, "/account/data/erasure", "/terms", x="") == 409
    assert "Edith Editor" in visit("ada").get("/").text
    assert "asks to be erased" not in visit("emil").get("/").text


def test_a_wrong_address_erases_nobody(world: World, visit: Visit, emil: str) -> None:
    ada = visit("ada")
    address = f"/accounts/{emil}/erase"
    assert post(ada, address, address, content="keep", email="somebody@example.org") == 422
    assert "Emil Expert" in ada.get(f"/accounts/{emil}/contributions").text


def test_terms_are_published_read_and_accepted(world: World, visit: Visit) -> None:
    otto, ada = visit("otto"), visit("ada")
    assert "No terms published" in otto.get("/terms").text
    assert post(otto, "/terms", "/terms", text="mine") == 403
    assert post(ada, "/terms", "/terms", text="# Give\n\nonly what is <b>yours</b>") == 303
    page = otto.get("/terms").text
    assert "Accept version 1" in page and "<b>yours" not in page
    assert "Accept the terms of contribution" in otto.get("/").text
    assert "Accept the terms of contribution" in visit("emil").get("/projects/triage/pairs/new").text
    assert post(otto, "/terms/accept", "/terms", number="7") == 409
    assert post(otto, "/terms/accept", "/terms", number="1") == 303
    assert "Accept the terms of contribution" not in otto.get("/").text
    assert post(otto, "/terms/withdraw", "/terms") == 303
    for name in ("ada", "edith", "emil"):  # the other tests of this world contribute
        assert post(visit(name), "/terms/accept", "/terms", number="1") == 303


def test_the_cards_are_counted_anew_and_name_nobody(world: World, visit: Visit, model: str) -> None:
    version = visit("edith").get(f"/versions/{world.ids['version']}/card.md").text
    card = visit("edith").get(f"/models/{model}/card.md").text
    assert "| train | 29 | 29 |" in version and "| CC BY 4\\.0 | 49 |" in version
    assert "0.880 (0.800 to 0.960)" in card.replace("\\", "") and "starter" in card
    for text in (version, card):
        front = yaml.safe_load(text.split("---")[1])
        assert front["language"] == ["en"]
        assert not any(name in text for name in ("Emil", "Edith", "contributor-", "@example"))
    assert visit("otto").get(f"/models/{model}/card.md").status_code == 404


def test_authored_words_mean_nothing_in_a_card() -> None:
    assert escape_markdown("<script>|[x](y)\n# head") == "&lt;script&gt;\\|\\[x\\]\\(y\\) \\# head"
