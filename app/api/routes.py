"""All routers of the API, under /api/v1. Each of its routes documents the same errors."""

from __future__ import annotations

from fastapi import APIRouter

from app.api import (
    account,
    audit,
    comments,
    consent,
    findings,
    guidelines,
    imports,
    jobs,
    lineage,
    notifications,
    pairs,
    privacy,
    progress,
    projects,
    review_quality,
    reviews,
    rounds,
    runs,
    versions,
    webhooks,
)
from app.api.schemas import ERRORS

# The first ones are matched first, so the busiest come first.
ROOMS = (
    reviews, pairs, projects, guidelines, review_quality, comments, notifications, webhooks, imports, versions, jobs,
    rounds, progress, runs, findings, audit, account, consent, lineage, privacy,
)  # fmt: skip
ROUTERS = [room.router for room in ROOMS]

router = APIRouter(
    prefix="/api/v1",
    form_limits={"max_files": 1, "max_fields": 20, "max_part_size": 64 * 1024},
    responses=ERRORS,
)
for room_router in ROUTERS:
    router.include_router(room_router)
