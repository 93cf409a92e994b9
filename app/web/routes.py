"""One list of all page routers."""

from __future__ import annotations

from fastapi import APIRouter

from app.web import (
    accounts,
    audit,
    consent,
    datasets,
    findings,
    guidelines,
    home,
    imports,
    pairs,
    people,
    projects,
    provenance,
    reviews,
    rounds,
    runs,
    signin,
    training,
    writing,
)

ROUTERS = [
    home.router,
    signin.router,
    accounts.router,
    people.router,
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
    consent.router,
    provenance.router,
]

router = APIRouter(include_in_schema=False)
for one in ROUTERS:
    router.include_router(one)
