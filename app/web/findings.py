"""Findings: a named weak slice, its failing answers, and the round that addresses it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.domain.accounts.permissions import Permission
from app.domain.findings import actions as findings_actions, queries as findings_queries
from app.domain.progress import queries as progress_queries
from app.domain.rounds import queries as rounds_queries
from app.domain.runs import queries as runs_queries
from app.http.transactions import DbSession
from app.web.deps import CsrfForm, CurrentProject, CurrentUser, form_str, project_context, redirect, requires
from app.web.render import render
from app.web.rounds import targets

router = APIRouter()


@router.get("/projects/{slug}/findings", dependencies=[requires(Permission.READ_PROJECT)])
def index(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    return render(
        request,
        "findings/list.html",
        **project_context(session, user, project, "/findings"),
        findings=findings_queries.of_project(session, project),
        runs={run.id: run for run in runs_queries.runs(session, project)},
    )


@router.post("/projects/{slug}/findings", dependencies=[requires(Permission.OPEN_ROUND)])
def create(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    tag, value = form_str(form, "tag"), form_str(form, "value")
    finding = findings_actions.create(
        session,
        user,
        project,
        run_id=form_str(form, "run"),
        tag=tag,
        value=value,
        title=form_str(form, "title") or f"Weak on {tag} “{value}”",
        note=form_str(form, "note"),
    )
    return redirect(request, f"/findings/{finding.id}", "Finding recorded. Create a round to address it.")


@router.get("/findings/{finding_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, finding_id: str) -> Response:
    finding = findings_queries.by_id(session, finding_id)
    opened = rounds_queries.by_id(session, project, finding.round_id) if finding.round_id else None
    return render(
        request,
        "findings/show.html",
        **project_context(session, user, project, "/findings"),
        finding=finding,
        run=runs_queries.by_id(session, finding.run_id),
        round=opened,
        brief=findings_queries.draft_brief(session, finding),
        progress=progress_queries.of_round(session, opened).targets if opened else [],
    )


@router.post("/findings/{finding_id}/round", dependencies=[requires(Permission.OPEN_ROUND)])
def create_round(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, finding_id: str
) -> Response:
    finding = findings_queries.by_id(session, finding_id)
    round_ = findings_actions.open_round(
        session,
        user,
        finding,
        title=form_str(form, "title") or None,
        brief=form_str(form, "brief") or None,
        targets=targets(form) or None,
    )
    return redirect(
        request,
        f"/projects/{project.slug}/rounds",
        f"Round {round_.number} created. Experts see it on their home page.",
    )
