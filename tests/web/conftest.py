"""One world for all page tests; pages are only read, or written in ways that the others do not look at."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from app.core.db.base import Base
from app.main import create_app
from app.settings import Settings
from tests.conftest import HOSTS, KEY
from tests.fixtures.sample_project import World, build


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    settings = Settings(data_dir=tmp_path_factory.mktemp("web"), secret_key=KEY, trusted_hosts=HOSTS)
    app = create_app(settings)
    Base.metadata.create_all(app.state.database.engine)
    return build(app)


@pytest.fixture
def visit(world: World) -> Callable[[str | None], TestClient]:
    """A browser signed in as one of the people, or as nobody."""

    def as_person(name: str | None) -> TestClient:
        client = TestClient(world.app, follow_redirects=False)
        if name:
            client.cookies.set("preceptor_session", world.cookies[name])
        return client

    return as_person
