"""Findings: a named weak slice, its failing answers, and the round that addresses it."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.domain.accounts.permissions import Permission
from app.domain.findings import actions as findings_actions, queries as findings_queries
from app.domain.progress import queries as progress_queries
from app.domain.rounds import queries as rounds_queries
from app.domain.runs import queries as runs_queries
from app.web.deps import Page, requires
from app.web.rounds import targets

router = APIRouter()


@router.get("/projects/{slug}/findings", dependencies=[requires(Permission.READ_PROJECT)])
def index(page: Page) -> Response:
    return page.render(
        "findings/list.html",
        tab="/findings",
        findings=findings_queries.of_project(page.session, page.project),
        runs={run.id: run for run in runs_queries.runs(page.session, page.project)},
    )


@router.post("/projects/{slug}/findings", dependencies=[requires(Permission.OPEN_ROUND)])
def create(page: Page) -> Response:
    tag, value = page.form.text("tag"), page.form.text("value")
    finding = findings_actions.create(
        page.session,
        page.user,
        page.project,
        run_id=page.form.text("run"),
        tag=tag,
        value=value,
        title=page.form.text("title") or f"Weak on {tag} “{value}”",
        note=page.form.text("note"),
    )
    return page.redirect(f"/findings/{finding.id}", "Finding recorded. Create a round to address it.")


@router.get("/findings/{finding_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(page: Page, finding_id: str) -> Response:
    finding = findings_queries.by_id(page.session, finding_id)
    opened = rounds_queries.by_id(page.session, page.project, finding.round_id) if finding.round_id else None
    return page.render(
        "findings/show.html",
        tab="/findings",
        finding=finding,
        run=runs_queries.by_id(page.session, finding.run_id),
        round=opened,
        brief=findings_queries.draft_brief(page.session, finding),
        progress=progress_queries.of_round(page.session, opened).targets if opened else [],
    )


@router.post("/findings/{finding_id}/round", dependencies=[requires(Permission.OPEN_ROUND)])
def create_round(page: Page, finding_id: str) -> Response:
    finding = findings_queries.by_id(page.session, finding_id)
    round_ = findings_actions.open_round(
        page.session,
        page.user,
        finding,
        title=page.form.text("title") or None,
        brief=page.form.text("brief") or None,
        targets=targets(page.form) or None,
    )
    return page.redirect(f"{page.root}/rounds", f"Round {round_.number} created. Experts see it on their home page.")
