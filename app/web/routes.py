"""One list of all page routers."""

from __future__ import annotations

from fastapi import APIRouter

from app.web import (
    accounts,
    adjudication,
    audit,
    auth,
    comments,
    consent,
    findings,
    guidelines,
    home,
    imports,
    notifications,
    pairs,
    people,
    projects,
    provenance,
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
    auth.router,
    accounts.router,
    people.router,
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
    provenance.router,
]

router = APIRouter(include_in_schema=False)
for one in ROUTERS:
    router.include_router(one)
