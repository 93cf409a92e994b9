"""One cast for all tests: Alice writes, Bob edits, Carol is admin, Dave has an account and belongs to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.domain.accounts import actions as accounts
from app.domain.accounts.tables import User
from app.domain.guidelines import actions as guidelines
from app.domain.projects import actions as projects
from app.domain.projects.tables import Project

GUIDELINE = "# Routing\n\nAnswer with the one label of the desk that acts, and nothing else."


@dataclass(frozen=True)
class Cast:
    alice: User
    bob: User
    carol: User
    dave: User
    project: Project


def make_cast(session: Session, **project: Any) -> Cast:
    """The four, and the project "clinic" with Alice as expert and Bob as editor, under a published guideline."""
    alice = accounts.create_user(session, email="alice@example.org", name="Alice")
    bob = accounts.create_user(session, email="bob@example.org", name="Bob")
    carol = accounts.create_user(session, email="carol@example.org", name="Carol", is_admin=True)
    dave = accounts.create_user(session, email="dave@example.org", name="Dave")
    given: dict[str, Any] = {
        "slug": "clinic",
        "name": "Clinic",
        "task": "classification",
        "languages": ["en"],
        "domains": ["administration", "clinical"],
    }
    clinic = projects.open_project(session, carol, **{**given, **project})
    projects.add_member(session, carol, clinic, email=alice.email, role="expert")
    projects.add_member(session, carol, clinic, email=bob.email, role="editor")
    guidelines.publish(session, carol, clinic, text=GUIDELINE)
    return Cast(alice, bob, carol, dave, clinic)
