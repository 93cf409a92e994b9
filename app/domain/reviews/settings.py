"""How a project has its pairs judged: by how many people, on which criteria. What was submitted or rated stays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.errors import Conflict
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.pairs.tables import Pair
from app.domain.projects import access
from app.domain.projects import actions as projects_actions
from app.domain.projects import criteria as project_criteria
from app.domain.projects.tables import Project
from app.domain.reviews.tables import GoldAnswer, Review


def change(
    session: Session, user: User, project: Project, *, overlap: int | None = None, given: list[Any] | None = None
) -> None:
    """What is given changes; `given` are all criteria from now on, each whole, in part or by its name.

    What was submitted before needs as many opinions as it did. Raises Forbidden, Invalid, and Conflict for a criterion
    that has ratings and is left out.
    """
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    session.refresh(project, with_for_update=True)
    before = project.overlap
    if given is not None:
        wanted = {one["name"] for one in project_criteria.parse(given, project.criteria)}
        _require_unrated(session, project, [one["name"] for one in project.criteria if one["name"] not in wanted])
    if overlap is not None and overlap != before:
        projects_actions.require_overlap(overlap)
        _keep_needed(session, project, before)
    projects_actions.change_judging(session, user, project, overlap=overlap, criteria=given)


def rated(session: Session, project: Project, names: Iterable[str]) -> set[str]:
    """Those of the criteria that anybody was ever rated for, in verdicts, taken back or not, or as the right answer."""
    left = set(names)
    found: set[str] = set()
    for table in (Review, GoldAnswer):
        statement = select(table.ratings).join(Pair, Pair.id == table.pair_id).where(Pair.project_id == project.id)
        with session.execute(statement.execution_options(yield_per=1_000)) as rows:
            for (ratings,) in rows:
                found |= {name for name in left if ratings.get(name) is not None}
                if found == left:
                    return found
    return found


def _require_unrated(session: Session, project: Project, removed: list[str]) -> None:
    if removed and (kept := rated(session, project, removed)):
        names = ", ".join(repr(name) for name in removed if name in kept)
        raise Conflict(f"{names} has ratings and cannot be removed; its words can be changed.", field="criteria")


def _keep_needed(session: Session, project: Project, overlap: int) -> None:
    """Submissions of before each had a number of its own get the number that held until now."""
    open_ = update(Pair).where(Pair.project_id == project.id, Pair.opinions.is_(None))
    session.execute(open_.where(Pair.submitted_revision_id.is_not(None)).values(opinions=overlap))
