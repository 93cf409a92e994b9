"""The guideline: current version, earlier versions, and publishing."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.domain.accounts.permissions import Permission
from app.domain.guidelines import actions as guidelines_actions, queries as guidelines_queries
from app.domain.reviews import queries as reviews_queries
from app.web.deps import Page, requires

router = APIRouter(prefix="/projects/{slug}/guidelines")


@router.get("", dependencies=[requires(Permission.READ_PROJECT)])
def show(page: Page, version: int | None = None) -> Response:
    versions = guidelines_queries.all_versions(page.session, page.project)
    shown = next((item for item in versions if item.number == version), versions[0] if versions else None)
    before = next((item for item in versions if shown and item.number == shown.number - 1), None)
    return page.render(
        "guidelines/show.html",
        tab="/guidelines",
        versions=versions,
        shown=shown,
        before=before,
        older=reviews_queries.stale_approvals(page.session, page.project, limit=0)[0],
    )


@router.post("", dependencies=[requires(Permission.MANAGE_PROJECT)])
def publish(page: Page) -> Response:
    guideline = guidelines_actions.publish(page.session, page.user, page.project, text=page.form.raw("text"))
    return page.redirect(f"{page.root}/guidelines", f"Version {guideline.number} published")
