"""One list of all API routers, under /api/v1."""

from __future__ import annotations

from fastapi import APIRouter

from app.api import (
    account,
    audit,
    comments,
    consent,
    findings,
    notifications,
    pairs,
    projects,
    provenance,
    review_quality,
    reviews,
    rounds,
    runs,
    settings,
    versions,
    webhooks,
)

ROUTERS = [
    reviews.router,
    pairs.router,
    projects.router,
    review_quality.router,
    comments.router,
    notifications.router,
    webhooks.router,
    versions.router,
    rounds.router,
    settings.router,
    runs.router,
    findings.router,
    audit.router,
    account.router,
    consent.router,
    provenance.router,
]

router = APIRouter(prefix="/api/v1", form_limits={"max_files": 1, "max_fields": 20, "max_part_size": 64 * 1024})
for one in ROUTERS:
    router.include_router(one)
