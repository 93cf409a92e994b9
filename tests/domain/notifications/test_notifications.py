"""Who is told what, never of their own acts; reading, counting, forgetting."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.bootstrap import open_installation
from app.core.db.base import now
from app.core.db.database import Database
from app.domain.accounts.tables import User
from app.domain.comments import actions as comments_actions
from app.domain.comments.anchors import CommentAnchor
from app.domain.guidelines import actions as guidelines_actions
from app.domain.imports import actions as imports_actions
from app.domain.notifications import actions as notifications_actions, queries as notifications_queries
from app.domain.notifications.tables import Notification
from app.domain.pairs import actions as pairs_actions, content as pair_content
from app.domain.pairs.tables import Pair
from app.domain.projects.tables import Project
from app.domain.reviews import actions as reviews_actions
from app.domain.reviews.tables import Lease
from app.domain.rounds import actions as rounds_actions
from app.domain.runs.tables import TrainingRun
from app.domain.webhooks.event_types import KINDS
from app.settings import Settings
from app.web.notifications import title
from app.worker import loop
from tests.conftest import ROOT
from tests.fixtures.people import Cast
from tests.fixtures.sample_project import build

Signed = Callable[..., TestClient]


def kinds_of(session: Session, user: User) -> list[str]:
    """Kinds of the user's notifications, oldest first, without the guideline of the cast."""
    rows = session.scalars(select(Notification).where(Notification.user_id == user.id).order_by(Notification.id))
    return [row.kind for row in rows if row.kind != "guideline.published"]


def add_notification(session: Session, user: User, kind: str, subject_id: str, **details: Any) -> str:
    project = session.scalars(select(Project)).one()
    row = Notification(
        user_id=user.id,
        project_id=project.id,
        kind=kind,
        subject_kind=kind.partition(".")[0],
        subject_id=subject_id,
        details=details,
    )
    session.add(row)
    session.flush()
    return row.id


def waiting(session: Session, cast: Cast, prompt: str) -> Pair:
    content = pair_content.pair(prompt, "Front desk", source="Own work", licence="CC0-1.0", tags={"language": "en"})
    pair = pairs_actions.create(session, cast.alice, cast.project, content)
    session.flush()
    return pairs_actions.submit(session, cast.alice, pair)


def review(session: Session, cast: Cast, prompt: str, decision: str) -> None:
    pair = waiting(session, cast, prompt)
    session.flush()
    lease = reviews_actions.take_next(session, cast.bob, cast.project)
    assert lease is not None and lease.pair_id == pair.id
    reviews_actions.decide(session, cast.bob, pair, lease=lease.id, decision=decision, ratings={}, comment="Because.")


def test_author_notified_of_decisions(database: Database, cast: Cast) -> None:
    with database.session() as session:
        review(session, cast, "Where may I park a bicycle overnight?", "accept")
        review(session, cast, "Which form is for a lost badge of a visitor?", "return")
        review(session, cast, "Can my dog come along to the appointment?", "reject")
        review(session, cast, "Who signs for deliveries after seven?", "escalate")
        assert kinds_of(session, cast.alice) == ["pair.accepted", "pair.returned", "pair.rejected", "pair.escalated"]
        assert kinds_of(session, cast.carol) == ["pair.escalated"] and kinds_of(session, cast.bob) == []


def test_removed_author_not_notified(database: Database, cast: Cast) -> None:
    with database.session() as session:
        for prompt in ("Where may I park a bicycle overnight?", "Which form is for a lost badge of a visitor?"):
            waiting(session, cast, prompt)
        reviews_actions.remove_member(session, session.get_one(User, cast.carol.id), cast.project, cast.alice.id)
        for decision in ("return", "escalate"):
            lease = reviews_actions.take_next(session, cast.bob, cast.project)
            assert lease is not None
            pair = session.get_one(Pair, lease.pair_id)
            reviews_actions.decide(
                session, cast.bob, pair, lease=lease.id, decision=decision, ratings={}, comment="Because."
            )
        assert kinds_of(session, cast.alice) == [] and kinds_of(session, cast.carol) == ["pair.escalated"]


def test_removed_commenter_not_notified(database: Database, cast: Cast) -> None:
    with database.session() as session:
        pair = waiting(session, cast, "Where may I park a bicycle overnight?")
        comments = [
            comments_actions.add(session, person, pair, "By night?", CommentAnchor())
            for person in (cast.alice, cast.bob)
        ]
        before = kinds_of(session, cast.alice)
        reviews_actions.remove_member(session, session.get_one(User, cast.carol.id), cast.project, cast.alice.id)
        for comment in comments:
            comments_actions.resolve(session, cast.carol, comment)
        assert kinds_of(session, cast.alice) == before and kinds_of(session, cast.bob) == ["comment.resolved"]


def test_no_reviewer_name_or_text(database: Database, cast: Cast) -> None:
    with database.session() as session:
        review(session, cast, "Where may I park a bicycle overnight?", "return")
        rows = list(session.scalars(select(Notification).where(Notification.user_id == cast.alice.id)))
        stored = json.dumps([[row.details, row.subject_id] for row in rows])
        assert "Because" not in stored and cast.bob.id not in stored and "bicycle" not in stored


def test_undecided_pair_not_notified(database: Database, cast: Cast) -> None:
    with database.session() as session:
        session.get_one(Project, cast.project.id).overlap = 2
    with database.session() as session:
        project = session.get_one(Project, cast.project.id)
        review(session, Cast(cast.alice, cast.bob, cast.carol, cast.dave, project), "May I bring a bicycle?", "accept")
        assert kinds_of(session, cast.alice) == []


def test_expired_lease_holder_notified(database: Database, cast: Cast) -> None:
    with database.session() as session:
        waiting(session, cast, "Where may I park a bicycle overnight?")
        lease = reviews_actions.take_next(session, cast.bob, cast.project)
        assert lease is not None
        session.get_one(Lease, lease.id).expires_at = now() - timedelta(seconds=1)
        session.flush()
        assert reviews_actions.take_next(session, cast.carol, cast.project) is not None
        assert kinds_of(session, cast.bob) == ["lease.taken_over"] and kinds_of(session, cast.carol) == []


def test_assignees_notified_of_rounds(database: Database, cast: Cast) -> None:
    with database.session() as session:
        round_ = rounds_actions.create_round(
            session, cast.carol, cast.project, title="R", brief="", targets=[], assignees=[{"user": cast.alice.id}]
        )
        people = [{"user": user.id} for user in (cast.alice, cast.bob)]
        rounds_actions.edit_round(session, cast.carol, cast.project, round_, {"assignees": people})
        assert kinds_of(session, cast.alice) == ["round.opened"] and kinds_of(session, cast.bob) == ["round.assigned"]


def test_members_notified_of_guideline(database: Database, cast: Cast) -> None:
    with database.session() as session:
        people = (cast.alice, cast.bob, cast.carol, cast.dave)
        before = {user.id: notifications_queries.unread(session, user) for user in people}
        guidelines_actions.publish(session, cast.carol, cast.project, text="# Anew")
        gained = [notifications_queries.unread(session, user) - before[user.id] for user in people]
        assert gained == [1, 1, 0, 0]


def test_requester_notified_of_jobs(app: Any, settings: Settings) -> None:
    world = build(app)
    with app.state.database.session() as session:
        run = session.get_one(TrainingRun, world.ids["run"])
        rows = session.scalars(select(Notification).where(Notification.subject_id == run.id))
        assert [(row.user_id, row.kind) for row in rows] == [(run.created_by, "run.done")]
        ada = session.get_one(User, run.created_by)
        project = session.get_one(Project, run.project_id)
        for data in (b'{"prompt": "Ear ache on a plane, age 9?", "completion": "Pharmacist"}\n' * 1, b""):
            if data:
                imports_actions.request_import(
                    session, ada, project, storage=app.state.storage, data=data, filename="rows.jsonl", source="Own",
                    license="CC0-1.0",
                )  # fmt: skip
    installation = open_installation(settings)
    loop.drain(installation)
    with app.state.database.session() as session:
        project = session.get_one(Project, run.project_id)
        kept = installation.storage.put([b'{"prompt": 1}\n'])[0]
        broken = {"project": project.id, "user": ada.id, "file": kept, "filename": "x", "format": "jsonl"}
        loop.jobs.enqueue(
            session,
            imports_actions.KIND,
            {**broken, "source": "s", "licence": "l"},
            project_id=project.id,
            created_by=ada.id,
        )
    loop.drain(installation)
    installation.database.dispose()
    with app.state.database.read() as session:
        assert [one for one in kinds_of(session, ada) if one.startswith("import")] == ["import.done", "import.failed"]


def test_count_mark_read_and_sweep(database: Database, cast: Cast) -> None:
    with database.session() as session:
        for number in range(3):
            add_notification(session, cast.dave, "run.done", f"{number:032x}", number=number)
        theirs = add_notification(session, cast.bob, "run.done", "f" * 32)
        session.flush()
        mine = notifications_queries.page(session, cast.dave).items
        assert notifications_queries.unread(session, cast.dave) == 3
        assert notifications_actions.mark_read(session, cast.dave, [mine[0].id, theirs]) == 1
        assert (
            session.get_one(Notification, theirs).read_at is None
            and len(notifications_queries.page(session, cast.dave, only_unread=True).items) == 2
        )
        assert (
            notifications_actions.mark_read(session, cast.dave) == 2
            and notifications_queries.unread(session, cast.dave) == 0
        )
        session.refresh(mine[0])
        mine[0].read_at = now() - timedelta(days=91)
        session.flush()
        assert (
            notifications_actions.sweep(session) == 1 and len(notifications_queries.page(session, cast.dave).items) == 2
        )


def test_notifications_api(database: Database, cast: Cast, as_user: Signed) -> None:
    with database.session() as session:
        line = add_notification(session, cast.alice, "pair.returned", "a" * 32)
        other = add_notification(session, cast.bob, "pair.returned", "a" * 32)
    alice = as_user(cast.alice)
    listed = alice.get("/api/v1/notifications?unread=true&limit=1").json()
    assert listed["items"][0]["id"] == line and listed["next"] and listed["unread"] == 2
    assert alice.post("/api/v1/notifications/read", json={"ids": [line, other]}).json() == {
        "read": 1,
        "unread": 1,
    }
    assert alice.post("/api/v1/notifications/read", json={"all": True}).json()["unread"] == 0
    for body in ({}, {"ids": [], "all": True}, {"ids": ["x"] * 501}):
        assert alice.post("/api/v1/notifications/read", json=body).status_code == 422


def test_project_token_sees_nothing(database: Database, cast: Cast, as_user: Signed) -> None:
    with database.session() as session:
        add_notification(session, cast.carol, "pair.returned", "a" * 32)
        elsewhere = Project(
            slug="else", name="Else", task="generation", languages=[], domains=[], criteria=[], created_by=cast.carol.id
        )
        session.add(elsewhere)
    carol = as_user(cast.carol, project_id=elsewhere.id)
    assert carol.get("/api/v1/notifications").json()["items"] == []
    assert carol.post("/api/v1/notifications/read", json={"all": True}).json()["read"] == 0


def test_every_kind_has_a_text() -> None:
    assert all(" " in title(Notification(kind=kind)) for kind in KINDS)


def test_every_kind_is_sent() -> None:
    silent = {"event_types.py", "notifications.py"}
    sources = "".join(path.read_text() for path in (ROOT / "app").rglob("*.py") if path.name not in silent)
    assembled = {f"{job}.{end}" for job in ("run", "import", "version") for end in ("done", "failed")}
    assert [kind for kind in KINDS if kind not in assembled and f'"{kind}"' not in sources] == []
