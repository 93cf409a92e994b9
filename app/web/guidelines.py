"""The guideline in force, its versions, and publishing a new one."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.domain.accounts.permissions import Permission
from app.domain.guidelines import actions, queries
from app.domain.projects import access
from app.domain.reviews import queries as reviews
from app.web.deps import Db, Me, Posted, asks, go, in_project
from app.web.render import page

router = APIRouter(prefix="/projects/{slug}/guidelines")


@router.get("", dependencies=[asks(Permission.READ_PROJECT)])
def show(request: Request, session: Db, user: Me, slug: str, version: int | None = None) -> Response:
    project = access.visible_project(session, user, slug)
    versions = queries.all_versions(session, project)
    shown = next((one for one in versions if one.number == version), versions[0] if versions else None)
    before = next((one for one in versions if shown and one.number == shown.number - 1), None)
    return page(
        request,
        "guidelines/show.html",
        **in_project(session, user, project, "/guidelines"),
        versions=versions,
        shown=shown,
        before=before,
        older=reviews.older_approvals(session, project, limit=0)[0],
    )


@router.post("", dependencies=[asks(Permission.MANAGE_PROJECT)])
def publish(request: Request, session: Db, user: Me, form: Posted, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    guideline = actions.publish(session, user, project, text=str(form.get("text") or ""))
    return go(request, f"/projects/{slug}/guidelines", f"Version {guideline.number} is in force now.")
