"""Members of a project: change their role, remove them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from app.core.db.database import Database
from app.core.errors import Forbidden, NotFound
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit.tables import AuditEvent
from app.domain.pairs import actions as pairs_actions
from app.domain.projects import access, actions as projects_actions, queries as projects_queries
from app.domain.reviews import actions as reviews_actions, queries as reviews_queries
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import configure_project, content, review_next, submitted
from tests.fixtures.web_client import actions_since, last_event

As = Callable[..., TestClient]


def recorded(session: Session, action: str) -> list[AuditEvent]:
    return session.query(AuditEvent).filter_by(action=action).order_by(AuditEvent.id).all()


def test_removal_releases_leases(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        reviewed, leased = (submitted(session, cast.alice, project, number) for number in (1, 2))
        review = review_next(session, cast.bob, project)
        lease = reviews_actions.take_next(session, cast.bob, project)
        assert lease is not None and (lease.pair_id, leased.state) == (leased.id, "in_review")
        lost = lease.id
        reviews_actions.remove_member(session, cast.carol, project, cast.bob.id)
        assert (leased.state, reviewed.state) == ("submitted", "approved")
        assert reviews_queries.of_pair(session, reviewed) == [review]
        assert reviews_queries.leases_of_member(session, cast.bob.id, project) == []
        with pytest.raises(NotFound):
            reviews_actions.decide(session, cast.bob, leased, lease=lost, decision="accept", ratings={})
        (event,) = recorded(session, "member.removed")
        assert (event.actor, event.subject_id, event.details) == (cast.carol.id, cast.bob.id, {"role": "editor"})
        (released,) = recorded(session, "lease.released")
        assert (released.subject_id, released.details) == (leased.id, {"former": cast.bob.id})


def test_removal_keeps_other_leases(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast, overlap=2)
        pair = submitted(session, cast.alice, project)
        carol = session.get_one(User, cast.carol.id)
        for person in (cast.bob, carol):
            assert reviews_actions.take_next(session, person, project) is not None
        reviews_actions.remove_member(session, carol, project, cast.bob.id)
        assert pair.state == "in_review"
        assert [lease.reviewer_id for lease, _ in reviews_queries.open_leases(session, project)] == [carol.id]


def test_removal_keeps_other_projects(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        other = projects_actions.create_project(
            session, cast.carol, slug="ward", name="Ward", task="generation", languages=["en"], domains=[]
        )
        for person, role in ((cast.alice, "expert"), (cast.bob, "editor")):
            projects_actions.add_member(session, cast.carol, other, email=person.email, role=role)
        submitted(session, cast.alice, other)
        lease = reviews_actions.take_next(session, cast.bob, other)
        assert lease is not None
        reviews_actions.remove_member(session, cast.carol, project, cast.bob.id)
        assert reviews_actions.renew(session, cast.bob, lease.id).pair_id == lease.pair_id


def test_removed_member_loses_access(database: Database, cast: Cast, as_user: As) -> None:
    with database.session() as session:
        pair = pairs_actions.create(session, cast.alice, configure_project(session, cast), content(1))
    alice, carol = as_user(cast.alice), as_user(cast.carol)
    assert carol.delete(f"/api/v1/projects/clinic/members/{cast.alice.id}").status_code == 204
    for path in (f"/pairs/{pair.id}", "/projects/clinic", "/projects/clinic/pairs"):
        assert alice.get(f"/api/v1{path}").status_code == 404
    assert alice.get("/api/v1/projects").json()["items"] == []
    assert carol.get(f"/api/v1/pairs/{pair.id}").json()["author"] == cast.alice.id
    carol.post("/api/v1/projects/clinic/members", json={"email": cast.alice.email, "role": "expert"})
    assert alice.post(f"/api/v1/pairs/{pair.id}/submit").json()["state"] == "submitted"


def test_removed_author_stays_in_filter(database: Database, cast: Cast, browse: Any) -> None:
    with database.session() as session:
        project = configure_project(session, cast)
        pairs_actions.create(session, cast.alice, project, content(1))
        reviews_actions.remove_member(session, session.get_one(User, cast.carol.id), project, cast.alice.id)
    page = browse(cast.bob).get("/projects/clinic/pairs").text
    assert f'<option value="{cast.alice.id}" >Alice</option>' in page
    assert "case 1" in browse(cast.bob).get(f"/projects/clinic/pairs?author={cast.alice.id}").text
    assert cast.bob.id not in page  # users without pairs are not in the filter


def test_only_admin_removes_members(database: Database, cast: Cast, as_user: As) -> None:
    for person, status in ((cast.alice, 403), (cast.bob, 403), (cast.dave, 404)):
        answer = as_user(person).delete(f"/api/v1/projects/clinic/members/{cast.alice.id}")
        assert answer.status_code == status
    with database.read() as session:
        assert projects_queries.role_of(session, cast.alice, cast.project) == "expert"


@pytest.mark.parametrize("who", ["dave", "nobody"])
def test_remove_non_member_not_found(who: str, cast: Cast, as_user: As) -> None:
    user_id = getattr(cast, who).id if hasattr(cast, who) else who
    assert as_user(cast.carol).delete(f"/api/v1/projects/clinic/members/{user_id}").status_code == 404


def test_admins_manage_empty_project(database: Database, cast: Cast) -> None:
    """Admins manage every project; losing a membership takes no permission from an admin."""
    with database.session() as session:
        project = configure_project(session, cast)
        carol = session.get_one(User, cast.carol.id)
        projects_actions.add_member(session, carol, project, email=carol.email, role="editor")
        for person in (cast.alice, cast.bob, carol):
            reviews_actions.remove_member(session, carol, project, person.id)
        assert projects_queries.members(session, project) == []
        assert access.allows(session, carol, Permission.MANAGE_PROJECT, project)
        with pytest.raises(Forbidden):
            projects_actions.remove_membership(
                session, session.get_one(User, _add_bob_again(session, carol, project)), project, carol.id
            )


def _add_bob_again(session: Session, carol: User, project: Any) -> str:
    return projects_actions.add_member(session, carol, project, email="bob@example.org", role="editor").user_id


def test_removal_page_asks_first(database: Database, cast: Cast, browse: Any) -> None:
    with database.session() as session:
        pairs_actions.create(session, cast.alice, configure_project(session, cast), content(1))
    carol, before = browse(cast.carol), last_event(database)
    at = f"/projects/clinic/members/{cast.alice.id}/remove"
    assert at in carol.get("/projects/clinic/members").text
    assert "Remove Alice" in carol.get(at).text
    assert actions_since(database, before) == []
    answer = carol.send(at)
    assert (answer.status_code, answer.headers["location"]) == (303, "/projects/clinic/members")
    assert "alice@example.org" not in carol.get("/projects/clinic/members").text
    assert carol.get(at).status_code == 404
    assert actions_since(database, before) == ["member.removed"]


def test_change_role_on_page(database: Database, cast: Cast, browse: Any) -> None:
    carol, before = browse(cast.carol), last_event(database)
    answer = carol.send("/projects/clinic/members", email=cast.alice.email, role="editor")
    assert answer.status_code == 303
    assert "Role of alice@example.org changed to editor" in carol.get("/projects/clinic/members").text
    with database.read() as session:
        assert projects_queries.role_of(session, cast.alice, cast.project) == "editor"
    assert actions_since(database, before) == ["member.role_changed"]


def test_editors_see_no_member_buttons(cast: Cast, browse: Any) -> None:
    page = browse(cast.bob).get("/projects/clinic/members").text
    assert "Remove" not in page and "Change" not in page
