"""A browser that somebody has signed in to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.database import Database
from app.domain.accounts.tables import User
from app.domain.signin import actions as signin
from tests.web.browser import Browser


@pytest.fixture
def browse(app: Any, database: Database) -> Callable[[User], Browser]:
    """browse(cast.carol): sends forms as they stand on the page."""

    def make(user: User) -> Browser:
        browser = Browser(app)
        with database.session() as session:
            browser.client.cookies.set("preceptor_session", signin.start_session(session, user))
        return browser

    return make
