"""What shall I do now? For each role: experts write, editors review, admins look after projects."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.consent import queries as consent
from app.domain.findings import queries as findings
from app.domain.pairs import queries as pairs
from app.domain.projects import queries as projects
from app.domain.projects.tables import Project
from app.domain.provenance import queries as provenance
from app.domain.reviews import queries as reviews
from app.domain.rounds import queries as rounds
from app.domain.training import queries as training
from app.web.deps import Db, Me, asks
from app.web.render import page

router = APIRouter()


@router.get("/", dependencies=[asks(Permission.USE)])
def home(request: Request, session: Db, user: Me) -> Response:
    to_erase = provenance.who_asked(session) if user.is_admin else []
    mine = [_desk(session, user, project) for project in projects.projects_of(session, user)]
    return page(request, "home/home.html", desks=mine, terms_due=consent.due(session, user), to_erase=to_erase)


@router.get("/style", dependencies=[asks(Permission.USE)])
def style(request: Request, user: Me) -> Response:
    """The living pattern page: every component in every state."""
    return page(request, "style/patterns.html")


def _desk(session: Session, user: User, project: Project) -> dict[str, Any]:
    role = projects.role_of(session, user, project)
    desk: dict[str, Any] = {"project": project, "role": role, "counts": pairs.counts_by_state(session, project)}
    desk["rounds"] = [(one, pairs.round_progress(session, one)) for one in rounds.open_rounds(session, project)]
    if role == "expert":
        desk["own"] = pairs.counts_by_state(session, project, author=user.id)
        desk["returned"] = [_returned(session, pair) for pair in _own(session, user, project, "changes_requested")]
        desk["drafts"] = [(pair, pairs.current(session, pair)) for pair in _own(session, user, project, "draft")]
    if role == "editor" or user.is_admin:
        desk["queue"] = reviews.queue_length(session, project, user)
    if user.is_admin:
        desk["runs"] = training.runs(session, project)[:3]
        desk["findings"] = [one for one in findings.of_project(session, project) if one.state == "open"]
    return desk


def _own(session: Session, user: User, project: Project, state: str) -> list[Any]:
    return pairs.page(session, project, state=state, author=user.id, limit=8).items


def _returned(session: Session, pair: Any) -> dict[str, Any]:
    """A returned pair with the reason on top of it."""
    given = [one for one in reviews.of_pair(session, pair) if one.decision == "return" and not one.undone_at]
    return {
        "pair": pair,
        "revision": pairs.current(session, pair),
        "reason": max(given, key=lambda one: one.created_at).comment if given else "",
    }
