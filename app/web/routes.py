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

PAGES = (
    home, help, auth, account, accounts, projects, projects_settings, guidelines, rounds, pairs_writing, pairs, reviews,
    reviews_adjudication, review_quality, comments, notifications, webhooks, imports, versions, runs, findings, audit,
    consent, lineage, privacy,
)  # fmt: skip

router = APIRouter(include_in_schema=False)
for page in PAGES:
    router.include_router(page.router)
