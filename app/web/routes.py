"""One list of all page routers."""

from __future__ import annotations

from fastapi import APIRouter

from app.web import (
    account,
    accounts,
    audit,
    auth,
    comments,
    consent,
    findings,
    guidelines,
    help,
    home,
    imports,
    lineage,
    notifications,
    pairs,
    pairs_writing,
    privacy,
    projects,
    projects_settings,
    review_quality,
    reviews,
    reviews_adjudication,
    rounds,
    runs,
    versions,
    webhooks,
)

ROUTERS = [
    home.router,
    help.router,
    auth.router,
    account.router,
    accounts.router,
    projects.router,
    projects_settings.router,
    guidelines.router,
    rounds.router,
    pairs_writing.router,
    pairs.router,
    reviews.router,
    reviews_adjudication.router,
    review_quality.router,
    comments.router,
    notifications.router,
    webhooks.router,
    imports.router,
    versions.router,
    runs.router,
    findings.router,
    audit.router,
    consent.router,
    lineage.router,
    privacy.router,
]

router = APIRouter(include_in_schema=False)
for page_router in ROUTERS:
    router.include_router(page_router)
