"""One list of all API routers, under /api/v1."""

from __future__ import annotations

from fastapi import APIRouter

from app.api import audit, datasets, findings, pairs, projects, reviews, training

ROUTERS = [
    projects.router,
    pairs.router,
    reviews.router,
    datasets.router,
    training.router,
    findings.router,
    audit.router,
]

router = APIRouter(prefix="/api/v1")
for one in ROUTERS:
    router.include_router(one)
