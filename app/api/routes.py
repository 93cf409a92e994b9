"""One list of all API routers, under /api/v1."""

from __future__ import annotations

from fastapi import APIRouter

from app.api import (
    account,
    audit,
    comments,
    consent,
    datasets,
    findings,
    gold,
    notifications,
    pairs,
    projects,
    provenance,
    reviews,
    rounds,
    settings,
    training,
    webhooks,
)

ROUTERS = [
    reviews.router,
    pairs.router,
    projects.router,
    gold.router,
    comments.router,
    notifications.router,
    webhooks.router,
    datasets.router,
    rounds.router,
    settings.router,
    training.router,
    findings.router,
    audit.router,
    account.router,
    consent.router,
    provenance.router,
]

FORM_LIMITS = {"max_files": 1, "max_fields": 20, "max_part_size": 64 * 1024}

router = APIRouter(prefix="/api/v1", form_limits=FORM_LIMITS)
for one in ROUTERS:
    router.include_router(one)
