"""The connection of an event loop: what it shows is never old, and a fault of one look does not last."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from app.core.db.database import Database
from app.core.jobs import Job
from app.domain.accounts import actions as accounts_actions
from app.main import create_app
from app.settings import Settings
from tests.fixtures.people import Cast


def test_each_look_sees_what_was_written_before_it(database: Database) -> None:
    glance = database.glance()
    if not database.is_sqlite:
        assert glance is None  # a server may keep one waiting
        return
    assert glance is not None
    for count in range(3):
        with glance.look() as connection:
            assert len(connection.execute(select(Job.id)).all()) == count
        with database.session() as session:
            session.add(Job(kind="count", payload={}))
    glance.close()


def test_a_fault_does_not_last(database: Database) -> None:
    if (glance := database.glance()) is None:
        pytest.skip("only on SQLite")
    with pytest.raises(OperationalError), glance.look() as connection:
        connection.execute(text("SELECT nothing FROM nowhere"))
    with glance.look() as connection:
        assert connection.execute(select(Job.id)).all() == []
    glance.close()


def test_a_served_application_knows_its_callers_as_any_other(
    settings: Settings, database: Database, cast: Cast
) -> None:
    """Under the lifespan of a server tokens are looked up in the event loop: the same answers, and a revoked token is
    refused by the next request."""
    with database.session() as session:
        raw = accounts_actions.issue_token(session, user=cast.bob)
    app = create_app(settings)
    with TestClient(app, headers={"Authorization": f"Bearer {raw}"}) as served:
        assert (app.state.glance is not None) == database.is_sqlite
        assert [one["slug"] for one in served.get("/api/v1/projects").json()["items"]] == ["clinic"]
        assert served.post("/api/v1/projects/clinic/reviews/next").status_code == 204
        assert served.post("/api/v1/projects/nowhere/reviews/next").status_code == 404
        (token,) = served.get("/api/v1/tokens").json()["items"]
        assert served.delete(f"/api/v1/tokens/{token['id']}").status_code in (200, 204)
        assert served.post("/api/v1/projects/clinic/reviews/next").status_code == 401
    assert app.state.glance is None
