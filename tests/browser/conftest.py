"""One furnished application in a thread, and browsers of the people in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext

from app.core.database import Base
from app.main import create_app
from app.settings import Settings
from tests.assurance.scene import Scene
from tests.assurance.test_scripts_in_text import served
from tests.browser.site import cookie, furnished
from tests.conftest import HOSTS, KEY


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
