"""What a decision may be, and what makes one valid. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.core.errors import Invalid
from app.domain.projects.tables import Project

DECISIONS = ("accept", "fix_and_accept", "return", "reject", "escalate")
FINAL_DECISIONS = DECISIONS[:-1]
"""What an adjudication or a gold answer may decide."""
NEEDS_REASON = ("return", "reject", "escalate")


@dataclass(frozen=True)
class Answer:
    """What a reviewer answers; `messages` are the corrected text."""

    decision: str
    ratings: dict[str, Any]
    comment: str = ""
    messages: list[dict[str, Any]] | None = None


def check(project: Project, answer: Answer, allowed: tuple[str, ...] = DECISIONS) -> None:
    """Raises Invalid, naming the field."""
    if answer.decision not in allowed:
        raise Invalid(f"The decision must be one of {', '.join(allowed)}.", field="decision")
    if answer.messages is not None and answer.decision != "fix_and_accept":
        raise Invalid("Only fix_and_accept changes the text.", field="messages")
    if answer.decision in NEEDS_REASON and not answer.comment.strip():
        raise Invalid("Give a reason: the author sees it.", field="comment")
    if len(answer.comment) > 10_000:
        raise Invalid("A comment has at most 10,000 characters.", field="comment")
    _check_ratings(project, answer.ratings)


def _check_ratings(project: Project, ratings: dict[str, Any]) -> None:
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
