"""The tag that filters the review queue. It travels in the URL and in hidden fields."""

from __future__ import annotations

from typing import Any

from app.domain.pairs import content as pair_content, queries as pairs_queries
from app.domain.projects.tables import Project
from app.domain.reviews import queue_queries
from app.domain.reviews.tables import Lease
from app.web.deps import Page
from app.web.render import with_query

Tag = tuple[str, str] | None


def tag_of(text: str) -> Tag:
    """Parse "name:value"; None for all tags. Raises Invalid."""
    return pair_content.tag_of(text) if text else None


def filtered_url(path: str, only: Tag) -> str:
    """Return the path with the tag in its query."""
    return with_query(path, {"tag": ":".join(only)}) if only else path


def queue_url(project: Project, only: Tag) -> str:
    return filtered_url(f"/projects/{project.slug}/reviews", only)


def filter_context(page: Page, only: Tag, mine: Lease | None) -> dict[str, Any]:
    """Return what the queue page needs: the tags to choose from, and whether the tag matches anything."""
    tags = pairs_queries.choices(page.session, page.project)
    choices = {name: values for name, values in tags.items() if ":" not in name}  # in a URL the name ends at a colon
    if only is not None:
        listed = [(name, value) for name, values in choices.items() for value in values]
        only = next((tag for tag in listed if pair_content.has_tag(dict([tag]), only)), only)
        if only not in listed:  # unused, or cut from a long list of values
            choices = {**choices, only[0]: [*choices.get(only[0], []), only[1]]}
    return {
        "only": only,
        "choices": choices,
        "some": only is None or queue_queries.waits(page.session, page.user, page.project, only),
        "other": mine is not None and not _has_tag(page, mine, only),
    }


def _has_tag(page: Page, lease: Lease, only: Tag) -> bool:
    revision = pairs_queries.submitted(page.session, pairs_queries.by_id(page.session, lease.pair_id))
    return only is None or pair_content.has_tag(revision.tags, only)
