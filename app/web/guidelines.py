"""The guideline: current version, earlier versions, and publishing."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.domain.accounts.permissions import Permission
from app.domain.guidelines import actions as guidelines_actions, queries as guidelines_queries
from app.domain.reviews import queries as reviews_queries
from app.http.transactions import DbSession
from app.web.deps import CsrfForm, CurrentProject, CurrentUser, project_context, redirect, requires
from app.web.render import render

router = APIRouter(prefix="/projects/{slug}/guidelines")


@router.get("", dependencies=[requires(Permission.READ_PROJECT)])
def show(
    request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, version: int | None = None
) -> Response:
    versions = guidelines_queries.all_versions(session, project)
    shown = next((item for item in versions if item.number == version), versions[0] if versions else None)
    before = next((item for item in versions if shown and item.number == shown.number - 1), None)
    return render(
        request,
        "guidelines/show.html",
        **project_context(session, user, project, "/guidelines"),
        versions=versions,
        shown=shown,
        before=before,
        older=reviews_queries.stale_approvals(session, project, limit=0)[0],
    )


@router.post("", dependencies=[requires(Permission.MANAGE_PROJECT)])
def publish(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    guideline = guidelines_actions.publish(session, user, project, text=str(form.get("text") or ""))
    return redirect(request, f"/projects/{project.slug}/guidelines", f"Version {guideline.number} published")
