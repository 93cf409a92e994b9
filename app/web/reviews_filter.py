"""The tag that filters the review queue. It travels in the URL and in hidden fields."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from app.domain.accounts.tables import User
from app.domain.pairs import content as pair_content, queries as pairs_queries
from app.domain.projects.tables import Project
from app.domain.reviews import queue_queries
from app.domain.reviews.tables import Lease

Tag = tuple[str, str] | None


def tag_of(text: str) -> Tag:
    """Parse "name:value"; None for all tags. Raises Invalid."""
    return pair_content.tag_of(text) if text else None


def filtered_url(path: str, only: Tag) -> str:
    """Return the path with the tag in its query."""
    return f"{path}?{urlencode({'tag': ':'.join(only)})}" if only else path


def queue_url(project: Project, only: Tag) -> str:
    return filtered_url(f"/projects/{project.slug}/reviews", only)


def filter_context(session: Session, user: User, project: Project, only: Tag, mine: Lease | None) -> dict[str, Any]:
    """Return what the queue page needs: the tags to choose from, and whether the tag matches anything."""
    choices = _choices(session, project)
    if only is not None:
        tags = [(name, value) for name, values in choices.items() for value in values]
        only = next((tag for tag in tags if pair_content.has_tag(dict([tag]), only)), only)
        if only not in tags:  # unused, or cut from a long list of values
            choices = {**choices, only[0]: [*choices.get(only[0], []), only[1]]}
    return {
        "only": only,
        "choices": choices,
        "some": only is None or queue_queries.waits(session, user, project, only),
        "other": mine is not None and not _has_tag(session, mine, only),
    }


def _choices(session: Session, project: Project) -> dict[str, list[str]]:
    """Return the tags without names that contain a colon: in a URL the name ends at the first colon."""
    return {name: values for name, values in pairs_queries.choices(session, project).items() if ":" not in name}


def _has_tag(session: Session, lease: Lease, only: Tag) -> bool:
    revision = pairs_queries.submitted(session, pairs_queries.by_id(session, lease.pair_id))
    return only is None or pair_content.has_tag(revision.tags, only)
