"""The demo project: loaded once, whatever interrupts it, and never beside a team's own work."""

from __future__ import annotations

import pytest

from app.bootstrap import Installation
from app.cli import accounts, demo_project
from app.core.db.database import Database
from app.core.storage import Storage
from app.domain.pairs import queries as pairs_queries
from app.domain.projects.queries import by_slug
from app.domain.runs import queries as runs_queries
from app.domain.versions import queries as versions_queries
from app.settings import Settings
from tests.fixtures.people import make_cast


@pytest.fixture
def installation(database: Database, settings: Settings) -> Installation:
    with database.session() as session:
        accounts.create_first(session)
    return Installation(settings, database, Storage(settings.resolved_storage_url))


def wanted(installation: Installation) -> bool:
    with installation.database.session() as session:
        return demo_project.should_load(session)


def test_an_interrupted_load_goes_on_where_it_stopped(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(demo_project, "_freeze", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        demo_project.load(installation, said.append)
    monkeypatch.undo()
    assert wanted(installation)
    demo_project.load(installation, said.append)
    assert not wanted(installation)
    assert len(said) == 5
    with installation.database.session() as session:
        project = by_slug(session, "riverbend")
        assert project is not None
        counts = pairs_queries.counts_by_state(session, project)
        assert counts["approved"] >= 960 and counts["submitted"] > 20
        version = versions_queries.versions(session, project)[0]
        assert version.leak_report["near_duplicates_across_splits"] == 0
        run = demo_project.first_run(session)
        assert run is not None and len(runs_queries.runs(session, project)) == 1
    before = list(said)
    demo_project.load(installation, said.append)
    assert said == before


def test_it_is_not_loaded_beside_projects_of_a_team(installation: Installation) -> None:
    assert wanted(installation)
    with installation.database.session() as session:
        make_cast(session)
    assert not wanted(installation)


def test_first_accounts_are_made_once(installation: Installation) -> None:
    with installation.database.session() as session:
        accounts.create_first(session)
        links = accounts.sign_in_links(session, "http://x/")
    assert [role for role, _, _ in links] == ["expert", "editor", "admin"]
    assert all(address.startswith("http://x/sign-in/") for _, _, address in links)
