"""The one tag that a reviewer narrows the queue to: it goes along in the address and in hidden fields."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from app.domain.accounts.tables import User
from app.domain.pairs import content as pair_content
from app.domain.pairs import queries as pairs_queries
from app.domain.projects.tables import Project
from app.domain.reviews import queue_queries
from app.domain.reviews.tables import Lease

Tag = tuple[str, str] | None


def tag_of(given: str) -> Tag:
    """What a query or a hidden field says; None for all tags. Raises Invalid."""
    return pair_content.tag_of(given) if given else None


def address(path: str, only: Tag) -> str:
    return f"{path}?{urlencode({'tag': ':'.join(only)})}" if only else path


def queue_of(project: Project, only: Tag) -> str:
    return address(f"/projects/{project.slug}/reviews", only)


def on_page(session: Session, user: User, project: Project, only: Tag, mine: Lease | None) -> dict[str, Any]:
    """What the page of the queue says of it: what may be chosen, and what the choice does."""
    choices = _choices(session, project)
    if only is not None:
        named = [(name, value) for name, values in choices.items() for value in values]
        only = next((one for one in named if pair_content.has_tag(dict([one]), only)), only)
        if only not in named:  # nobody uses it, or too many values stand beside it
            choices = {**choices, only[0]: [*choices.get(only[0], []), only[1]]}
    return {
        "only": only,
        "choices": choices,
        "some": only is None or queue_queries.waits(session, user, project, only),
        "other": mine is not None and not _is_of(session, mine, only),
    }


def _choices(session: Session, project: Project) -> dict[str, list[str]]:
    """Without names that hold a colon: in an address a name ends at the first."""
    return {name: values for name, values in pairs_queries.choices(session, project).items() if ":" not in name}


def _is_of(session: Session, lease: Lease, only: Tag) -> bool:
    revision = pairs_queries.submitted(session, pairs_queries.by_id(session, lease.pair_id))
    return only is None or pair_content.has_tag(revision.tags, only)
