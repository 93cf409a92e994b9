"""One list of all page routers."""

from __future__ import annotations

from fastapi import APIRouter

from app.web import (
    accounts,
    audit,
    datasets,
    findings,
    guidelines,
    home,
    imports,
    pairs,
    projects,
    reviews,
    rounds,
    runs,
    training,
    writing,
)

ROUTERS = [
    home.router,
    accounts.router,
    projects.router,
    guidelines.router,
    rounds.router,
    writing.router,
    pairs.router,
    reviews.router,
    imports.router,
    datasets.router,
    training.router,
    runs.router,
    findings.router,
    audit.router,
]

router = APIRouter(include_in_schema=False)
for one in ROUTERS:
    router.include_router(one)
