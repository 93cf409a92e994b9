"""One list of all page routers."""

from __future__ import annotations

from fastapi import APIRouter

from app.web import (
    account,
    accounts,
    adjudication,
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
    privacy,
    projects,
    review_quality,
    reviews,
    rounds,
    run_form,
    runs,
    settings,
    versions,
    webhooks,
    writing,
)

ROUTERS = [
    home.router,
    help.router,
    auth.router,
    account.router,
    accounts.router,
    projects.router,
    settings.router,
    guidelines.router,
    rounds.router,
    writing.router,
    pairs.router,
    reviews.router,
    adjudication.router,
    review_quality.router,
    comments.router,
    notifications.router,
    webhooks.router,
    imports.router,
    versions.router,
    run_form.router,
    runs.router,
    findings.router,
    audit.router,
    consent.router,
    lineage.router,
    privacy.router,
]

router = APIRouter(include_in_schema=False)
for one in ROUTERS:
    router.include_router(one)
