"""One list of all page routers."""

from __future__ import annotations

from fastapi import APIRouter

from app.web import (
    accounts,
    adjudication,
    audit,
    calibration,
    comments,
    consent,
    datasets,
    findings,
    guidelines,
    home,
    imports,
    notifications,
    pairs,
    people,
    projects,
    provenance,
    reviews,
    rounds,
    runs,
    settings,
    signin,
    training,
    webhooks,
    writing,
)

ROUTERS = [
    home.router,
    signin.router,
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
    calibration.router,
    comments.router,
    notifications.router,
    webhooks.router,
    imports.router,
    datasets.router,
    training.router,
    runs.router,
    findings.router,
    audit.router,
    consent.router,
    provenance.router,
]

router = APIRouter(include_in_schema=False)
for one in ROUTERS:
    router.include_router(one)
