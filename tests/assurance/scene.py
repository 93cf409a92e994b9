"""People and real objects to try every route on: the world of the page tests, and one of everything that it lacks."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database import now
from app.core.jobs import Job
from app.core.security import digest
from app.domain.accounts import actions as accounts
from app.domain.accounts import queries as users
from app.domain.accounts.tables import ApiToken, User
from app.domain.consent import actions as consent
from app.domain.datasets import imports, uploads
from app.domain.datasets.tables import DatasetVersion
from app.domain.guidelines import actions as guidelines
from app.domain.notifications import webhooks
from app.domain.pairs import actions as pairs
from app.domain.pairs import messages
from app.domain.pairs import queries as pair_queries
from app.domain.pairs.tables import Pair
from app.domain.projects import actions as projects
from app.domain.projects import queries as project_queries
from app.domain.registry.tables import ModelVersion
from app.domain.reviews import actions as reviews
from app.domain.reviews import calibration, comments
from app.domain.reviews import queries as review_queries
from app.domain.reviews.anchors import Place
from app.domain.signin import actions as signin
from app.domain.signin.tables import WebSession
from app.domain.training.tables import TrainingRun
from tests.web.world import World, build

PRINCIPALS = {
    "nobody": None,
    "author": "emil",
    "expert": "olga",
    "editor": "edith",
    "admin": "ada",
    "outsider": "otto",
    "expired": "ada",
    "read_only": "ada",
    "trainer": "ada",
}
"""Column of the table -> who it is. The last three hold an expired, a read-only and a trainer's credential."""
ROWS = b'{"prompt": "Which desk takes a letter about a lost parcel?", "completion": "Self-care", "language": "en"}\n'


class Scene:
    """Ids of real objects by name, a token and a session cookie for each principal."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.world: World = build(app)
        self.at: dict[str, Any] = {"slug": "triage", "ward": "ward", **self.world.ids}
        self.tokens: dict[str, str] = {}
        self.cookies: dict[str, str] = {}
        with app.state.database.session() as session:
            _objects(session, self)
        with app.state.database.session() as session:
            _credentials(session, self)


def person(session: Session, name: str) -> User:
    found = users.user_by_email(session, f"{name}@example.org")
    assert found is not None
    return found


def _agreed(session: Session) -> None:
    """Terms are in force; all but the outsider have accepted them."""
    terms = consent.publish(session, person(session, "ada"), "What you write may be used to train models.")
    for name in ("ada", "edith", "emil", "olga"):
        consent.accept(session, person(session, name), terms.number, how="page")


def content(text: str) -> messages.Content:
    tags = {"category": "rash", "language": "en"}
    return messages.pair(text, "Self-care", source="Own work", licence="CC0-1.0", tags=tags)


def _objects(session: Session, scene: Scene) -> None:
    ada, emil, edith = (person(session, name) for name in ("ada", "emil", "edith"))
    olga = accounts.create_user(session, email="olga@example.org", name="Olga Other")
    triage = project_queries.by_slug(session, "triage")
    assert triage is not None
    _agreed(session)
    ward = projects.open_project(
        session, ada, slug="ward", name="Ward", task="generation", languages=["en"], domains=[]
    )
    for project in (triage, ward):
        projects.add_member(session, ada, project, email=olga.email, role="expert")
    for user, role in ((emil, "expert"), (edith, "editor")):
        projects.add_member(session, ada, ward, email=user.email, role=role)
    _ward(session, scene, ada, emil, edith, ward)
    waiting = pairs.create(session, emil, ward, content("How long may a plaster stay on a small cut?"))
    pairs.submit(session, emil, waiting)
    _reviewed(session, scene, edith, triage)
    _written(session, scene, emil, triage)
    _running(session, scene, emil, triage)
    _spoken(session, scene, edith, triage)


def _ward(session: Session, scene: Scene, ada: User, emil: User, edith: User, ward: Any) -> None:
    """An approval under an older rule, an escalation that waits for a ruling, a gold pair."""
    _judged(session, emil, edith, ward, "How is a blister on the heel covered?", "accept")
    scene.at["escalated"] = _judged(session, emil, ada, ward, "Who reads the strip of a sugar test?", "escalate")
    gold = pairs.submit(session, emil, pairs.create(session, emil, ward, content("When is a wart frozen again?")))
    calibration.mark(
        session, ada, gold, decision="return", ratings={"accuracy": 2}, explanation="No interval is named."
    )
    guidelines.publish(session, ada, ward, text="# Ward\n\nName the desk.")
    scene.at["gold"] = gold.id


def _judged(session: Session, emil: User, reviewer: User, project: Any, text: str, decision: str) -> str:
    pair = pairs.submit(session, emil, pairs.create(session, emil, project, content(text)))
    lease = reviews.take_next(session, reviewer, project)
    assert lease is not None and lease.pair_id == pair.id
    reviews.decide(session, reviewer, pair, lease=lease.id, decision=decision, ratings={}, comment="By the list.")
    return pair.id


def _reviewed(session: Session, scene: Scene, edith: User, triage: Any) -> None:
    """A decision that can be undone, and an item on the editor's desk."""
    last = review_queries.latest_by(session, edith, triage)
    lease = reviews.take_next(session, edith, triage)
    assert last is not None and lease is not None
    scene.at |= {"review": last.id, "lease": lease.id, "leased": lease.pair_id}


def _written(session: Session, scene: Scene, emil: User, triage: Any) -> None:
    """A draft with a history, one without, and a pair that was discarded."""
    twice = pairs.create(session, emil, triage, content("A first thought about hives after strawberries."))
    first = twice.current_revision_id
    latest = pairs.save(
        session, emil, twice, content("A second thought about hives after shellfish."), expected_revision=first
    )
    fresh = pairs.create(session, emil, triage, content("Knee swollen since Sunday's football, can walk, age 27."))
    discarded = pairs.create(session, emil, triage, content("Chilblains every winter, toes, age 34."))
    pairs.discard(session, emil, discarded)
    draft = session.get_one(Pair, scene.at["draft"])
    scene.at |= {
        "discarded": discarded.id,
        "twice": twice.id,
        "twice_first": first,
        "twice_latest": latest.id,
        "fresh": fresh.id,
        "draft_revision": pair_queries.current(session, draft).id,
    }


def _spoken(session: Session, scene: Scene, edith: User, triage: Any) -> None:
    """A remark that waits and one that is resolved, on the author's draft; a webhook of what seldom happens."""
    draft = session.get_one(Pair, scene.at["draft"])
    comment, resolved = (comments.add(session, edith, draft, text, Place()) for text in ("Which one?", "Settled?"))
    comments.resolve(session, edith, resolved)
    webhook, _ = webhooks.create(
        session,
        person(session, "ada"),
        triage,
        url="https://hooks.example.org/scene",
        kinds=["lease.taken_over"],
        key=scene.app.state.settings.key,
        allowed=["hooks.example.org"],
    )
    scene.at |= {"comment": comment.id, "resolved": resolved.id, "webhook": webhook.id}


def _running(session: Session, scene: Scene, emil: User, triage: Any) -> None:
    """An import that waits, and a training job that a trainer holds."""
    job = imports.request_import(
        session,
        emil,
        triage,
        storage=scene.app.state.storage,
        data=ROWS,
        filename="rows.jsonl",
        format="jsonl",
        source="Own work",
        licence="CC0-1.0",
    )
    upload = uploads.keep(
        session,
        emil,
        triage,
        storage=scene.app.state.storage,
        data=io.BytesIO(ROWS),
        filename="rows.jsonl",
        format="jsonl",
    )
    live = session.get_one(TrainingRun, scene.at["live"])
    held = session.get_one(Job, live.job_id)
    version = session.get_one(DatasetVersion, scene.at["version"])
    bad = {"bad_rows": 1, "errors_file": version.files["train"]["sha256"]}
    ended = Job(
        kind=job.kind, payload=dict(job.payload), state="done", project_id=triage.id, created_by=emil.id, result=bad
    )
    session.add(ended)
    session.flush()
    model = session.scalars(select(ModelVersion).where(ModelVersion.project_id == triage.id)).one()
    scene.at |= {
        "model": model.id,
        "import": job.id,
        "upload": upload.id,
        "ended": ended.id,
        "held": held.id,
        "fence": held.token,
        "file": version.files["train"]["sha256"],
    }


def _credentials(session: Session, scene: Scene) -> None:
    for column, name in PRINCIPALS.items():
        if name is None:
            continue
        user = person(session, name)
        kind = {"read_only": column == "read_only", "scope": "worker" if column == "trainer" else "api"}
        scene.tokens[column] = accounts.issue_token(session, user=user, **kind)
        scene.cookies[column] = signin.start_session(session, user)
    session.flush()
    past = now() - timedelta(minutes=1)
    emil = person(session, "emil")
    second = signin.start_session(session, emil)
    accounts.issue_token(session, user=emil, name="second")
    scene.at |= {
        "emil": emil.id,
        "session": session.scalars(select(WebSession.id).where(WebSession.digest == digest(second))).one(),
        "token": session.scalars(select(ApiToken.id).where(ApiToken.name == "second")).one(),
    }
    token = session.scalars(select(ApiToken).where(ApiToken.digest == digest(scene.tokens["expired"]))).one()
    cookie = session.scalars(select(WebSession).where(WebSession.digest == digest(scene.cookies["expired"]))).one()
    token.expires_at = cookie.expires_at = past
    scene.at["link"] = signin.create_sign_in_link(session, user=person(session, "otto"))


def template_of(app: FastAPI, folder: Path) -> Path:
    """A closed copy of the SQLite file that the scene was built in."""
    target = folder / "scene.sqlite3"
    with app.state.database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql(f"VACUUM INTO '{target}'")
        connection.exec_driver_sql("BEGIN")
    return target
