"""A browser with a signed-in user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.db.database import Database
from app.domain.accounts.tables import User
from app.domain.auth import actions as auth_actions
from tests.fixtures.web_client import Browser


@pytest.fixture
def browse(app: Any, database: Database) -> Callable[[User], Browser]:
    """browse(cast.carol): a browser that sends the forms of a page."""

    def make(user: User) -> Browser:
        browser = Browser(app)
        with database.session() as session:
            browser.client.cookies.set("preceptor_session", auth_actions.start_session(session, user))
        return browser

    return make
