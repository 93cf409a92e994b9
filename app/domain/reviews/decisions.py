"""What a decision may be, and what makes one valid. Pure."""

from __future__ import annotations

from typing import Any

from app.core.errors import Invalid
from app.domain.projects.tables import Project

DECISIONS = ("accept", "fix_and_accept", "return", "reject", "escalate")
FINAL_DECISIONS = DECISIONS[:-1]
"""What an adjudication or a gold answer may decide."""
NEEDS_REASON = ("return", "reject", "escalate")


def check(
    project: Project,
    decision: str,
    ratings: dict[str, Any],
    comment: str,
    messages: list[dict[str, Any]] | None,
    allowed: tuple[str, ...] = DECISIONS,
) -> None:
    """Raises Invalid, naming the field."""
    if decision not in allowed:
        raise Invalid(f"The decision must be one of {', '.join(allowed)}.", field="decision")
    if messages is not None and decision != "fix_and_accept":
        raise Invalid("Only fix_and_accept changes the text.", field="messages")
    if decision in NEEDS_REASON and not comment.strip():
        raise Invalid("Give a reason: the author sees it.", field="comment")
    if len(comment) > 10_000:
        raise Invalid("A comment has at most 10,000 characters.", field="comment")
    check_ratings(project, ratings)


def check_ratings(project: Project, ratings: dict[str, Any]) -> None:
    """Raises Invalid for an unknown criterion or a rating that is not 1 to 5 or null."""
    names = {criterion["name"] for criterion in project.criteria}
    for name, value in ratings.items():
        if name not in names:
            raise Invalid(f"Unknown criterion {name!r}; rate {', '.join(sorted(names))}.", field="ratings")
        if value is not None and (isinstance(value, bool) or value not in (1, 2, 3, 4, 5)):
            raise Invalid(f"{name} must be 1 to 5, or null if you did not rate it.", field="ratings")


def complete(project: Project, ratings: dict[str, Any]) -> dict[str, Any]:
    """Every criterion of the project, null where it was not rated."""
    return {criterion["name"]: ratings.get(criterion["name"]) for criterion in project.criteria}
