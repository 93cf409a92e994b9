"""Pairs and reviewers of the project "clinic", in few words."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.domain.accounts import actions as accounts
from app.domain.accounts.tables import User
from app.domain.pairs import actions as pairs
from app.domain.pairs import messages
from app.domain.pairs.tables import Pair
from app.domain.projects import actions as projects
from app.domain.projects import settings
from app.domain.projects.tables import Project
from app.domain.reviews import actions as reviews
from app.domain.reviews.tables import Review
from tests.people import Cast

THINGS = "scan graft biopsy cast splint suture drip plaster swab stent cuff valve lens crown bridge brace"
WORDS = tuple(THINGS.split())


def chosen(session: Session, cast: Cast, *, overlap: int = 1, **settings_: Any) -> Project:
    project = session.get_one(Project, cast.project.id)
    project.overlap, project.settings = overlap, settings.of(settings_)
    return project


def editors(session: Session, cast: Cast, count: int) -> list[User]:
    """Bob and as many others."""
    people = [session.get_one(User, cast.bob.id)]
    project, carol = session.get_one(Project, cast.project.id), session.get_one(User, cast.carol.id)
    for number in range(1, count):
        user = accounts.create_user(session, email=f"editor{number}@example.org", name=f"Editor {number}")
        projects.add_member(session, carol, project, email=f"editor{number}@example.org", role="editor")
        people.append(user)
    return people


def content(number: int, answer: str = "reception", **tags: str) -> messages.Content:
    word, other = WORDS[number % len(WORDS)], WORDS[(number // len(WORDS)) % len(WORDS)]
    return messages.pair(
        f"Who books the {word} after the {other} of case {number}, and on which day?",
        answer,
        source="written for a test",
        licence="CC0-1.0",
        tags={"language": "en", **tags},
    )


def submitted(session: Session, author: User, project: Project, number: int = 1, **tags: str) -> Pair:
    pair = pairs.create(session, author, project, content(number, **tags))
    return pairs.submit(session, author, pair)


def judge(session: Session, user: User, project: Project, decision: str = "accept", **given: Any) -> Review:
    """Take the next and decide it."""
    lease = reviews.take_next(session, user, project)
    assert lease is not None, "nothing waits"
    pair = session.get_one(Pair, lease.pair_id)
    words = {"comment": "Because of the guideline."} | given
    return reviews.decide(
        session, user, pair, lease=lease.id, decision=decision, ratings=words.pop("ratings", {}), **words
    )
