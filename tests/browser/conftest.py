"""One furnished application in a thread, and browsers of the people in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext
from sqlalchemy import select

from app.core.db.base import Base
from app.domain.pairs import actions as pairs_actions
from app.domain.projects import actions as projects_actions
from app.domain.projects.tables import Project
from app.main import create_app
from app.settings import Settings
from tests.browser.site import cookie, furnished
from tests.conftest import HOSTS, KEY
from tests.fixtures.principals import Scene, content, person
from tests.security.test_scripts_in_text import served

SUBJECTS = ["splint", "suture", "drip", "plaster", "swab", "stent", "cuff", "valve", "lens", "crown"]


@dataclass
class Site:
    url: str
    scene: Scene


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The furnished scene, served; a module changes it as it likes."""
    folder = tmp_path_factory.mktemp("site")
    hooks = ["hooks.example.org"]
    app = create_app(Settings(data_dir=folder, secret_key=KEY, trusted_hosts=HOSTS, webhook_hosts=hooks))
    Base.metadata.create_all(app.state.database.engine)
    scene = furnished(app)
    with served(app) as url:
        yield Site(url, scene)
    app.state.database.dispose()


@pytest.fixture
def enter(site: Site, browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """enter("editor"): her browser; None is nobody. The content policy is off only where axe-core must come in."""
    opened: list[BrowserContext] = []

    def make(who: str | None, *, bypass_csp: bool = False) -> BrowserContext:
        context = browser.new_context(base_url=site.url, bypass_csp=bypass_csp)
        opened.append(context)
        if raw := cookie(site.scene, who):
            context.add_cookies([{"name": "preceptor_session", "value": raw, "url": site.url}])
        return context

    yield make
    for context in opened:
        context.close()


@pytest.fixture
def ward(site: Site, request: pytest.FixtureRequest) -> str:
    """A project of the test's own with an expert and an editor; its short name."""
    slug = re.sub(r"[\W_]+", "-", request.node.name.split("[")[0])[-40:].strip("-")
    with site.scene.app.state.database.session() as session:
        ada = person(session, "ada")
        made = projects_actions.create_project(
            session, ada, slug=slug, name="Loop", task="generation", languages=["en"], domains=[]
        )
        for name, role in (("emil", "expert"), ("edith", "editor")):
            projects_actions.add_member(session, ada, made, email=f"{name}@example.org", role=role)
    return slug


def waiting(site: Site, slug: str, count: int) -> list[str]:
    """So many submitted pairs; their ids."""
    with site.scene.app.state.database.session() as session:
        emil = person(session, "emil")
        project = session.scalars(select(Project).where(Project.slug == slug)).one()
        made = [
            pairs_actions.create(session, emil, project, content(f"Who may remove the {one}?"))
            for one in SUBJECTS[:count]
        ]
        return [pairs_actions.submit(session, emil, one).id for one in made]
