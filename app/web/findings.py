"""Findings: a weak slice by name, its failing answers, and the round it opens."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.domain.accounts.permissions import Permission
from app.domain.findings import actions, queries
from app.domain.pairs import queries as pairs
from app.domain.projects import access
from app.domain.rounds import queries as rounds
from app.domain.training import queries as training
from app.web.deps import Db, Me, Posted, asks, go, in_project, text
from app.web.render import page
from app.web.rounds import targets

router = APIRouter()


@router.get("/projects/{slug}/findings", dependencies=[asks(Permission.READ_PROJECT)])
def index(request: Request, session: Db, user: Me, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    return page(
        request,
        "findings/list.html",
        **in_project(session, user, project, "/findings"),
        findings=queries.of_project(session, project),
        runs={run.id: run for run in training.runs(session, project)},
    )


@router.post("/projects/{slug}/findings", dependencies=[asks(Permission.OPEN_ROUND)])
def create(request: Request, session: Db, user: Me, form: Posted, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    tag, value = text(form, "tag"), text(form, "value")
    finding = actions.create(
        session,
        user,
        project,
        run_id=text(form, "run"),
        tag=tag,
        value=value,
        title=text(form, "title") or f"Weak on {tag} “{value}”",
        note=text(form, "note"),
    )
    return go(request, f"/findings/{finding.id}", "Finding recorded. Open a round to mend it.")


@router.get("/findings/{finding_id}", dependencies=[asks(Permission.READ_PROJECT)])
def show(request: Request, session: Db, user: Me, finding_id: str) -> Response:
    finding = queries.by_id(session, finding_id)
    project = access.project_of(session, user, finding.project_id)
    opened = rounds.by_id(session, project, finding.round_id) if finding.round_id else None
    return page(
        request,
        "findings/show.html",
        **in_project(session, user, project, "/findings"),
        finding=finding,
        run=training.by_id(session, finding.run_id),
        round=opened,
        brief=actions.draft_brief(session, finding),
        progress=pairs.round_progress(session, opened) if opened else [],
    )


@router.post("/findings/{finding_id}/round", dependencies=[asks(Permission.OPEN_ROUND)])
def open_round(request: Request, session: Db, user: Me, form: Posted, finding_id: str) -> Response:
    finding = queries.by_id(session, finding_id)
    project = access.project_of(session, user, finding.project_id)
    one = actions.open_round(
        session,
        user,
        finding,
        title=text(form, "title") or None,
        brief=text(form, "brief") or None,
        targets=targets(form) or None,
    )
    return go(request, f"/projects/{project.slug}/rounds", f"Round {one.number} is open: the experts see it at home.")
