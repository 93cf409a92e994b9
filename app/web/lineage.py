"""Lineage pages: where a version or a model comes from, and its card."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.core.errors import NotFound
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.evaluations import queries as evaluations_queries
from app.domain.lineage import cards, queries as lineage_queries
from app.domain.models.tables import ModelVersion
from app.domain.runs import queries as runs_queries
from app.domain.runs.tables import TrainingRun
from app.domain.versions import queries as versions_queries
from app.domain.versions.tables import DatasetVersion
from app.web.deps import Page, requires

router = APIRouter()


@router.get("/versions/{version_id}/lineage", dependencies=[requires(Permission.READ_PROJECT)])
def of_version(page: Page, version_id: str, cursor: str | None = None) -> Response:
    return _lineage(page, versions_queries.by_id(page.session, version_id), cursor)


@router.get("/models/{model_id}/lineage", dependencies=[requires(Permission.READ_PROJECT)])
def of_model(page: Page, model_id: str, cursor: str | None = None) -> Response:
    model = lineage_queries.model_by_id(page.session, model_id)
    run = runs_queries.by_id(page.session, model.run_id)
    return _lineage(page, versions_queries.by_id(page.session, run.version_id), cursor, model, run)


def _lineage(
    page: Page,
    version: DatasetVersion,
    cursor: str | None,
    model: ModelVersion | None = None,
    run: TrainingRun | None = None,
) -> Response:
    lineage = lineage_queries.version_lineage(page.session, version)
    user_ids = {row["user"] for row in (*lineage.authors, *lineage.reviewers)}
    return page.render(
        "lineage/show.html",
        tab="/runs" if model else "/versions",
        version=version,
        model=model,
        run=run,
        withdrawn_since=lineage_queries.withdrawn_training_examples(page.session, run) if run else 0,
        lineage=lineage,
        examples=lineage_queries.version_items(page.session, version, cursor=cursor),
        models=lineage_queries.runs_and_models(page.session, version),
        names=accounts_queries.display_names(page.session, user_ids) if page.user.is_admin else {},
    )


@router.get("/versions/{version_id}/card.md", dependencies=[requires(Permission.READ_PROJECT)])
def card_of_version(page: Page, version_id: str) -> Response:
    version = versions_queries.by_id(page.session, version_id)
    present = {split: file["examples"] for split, file in versions_queries.files_of(version).items()}
    lineage = lineage_queries.version_lineage(page.session, version)
    return _markdown(cards.version_card(page.project, version, lineage, present))


@router.get("/models/{model_id}/card.md", dependencies=[requires(Permission.READ_PROJECT)])
def card_of_model(page: Page, model_id: str) -> Response:
    model = lineage_queries.model_by_id(page.session, model_id)
    run = runs_queries.by_id(page.session, model.run_id)
    report = evaluations_queries.report_of(page.session, run)
    if report is None:
        raise NotFound("This model has no evaluation report, so it has no card.")
    version = versions_queries.by_id(page.session, run.version_id)
    withdrawn = lineage_queries.withdrawn_training_examples(page.session, run)
    return _markdown(cards.model_card(page.project, model, run, version, report, withdrawn))


def _markdown(text: str) -> Response:
    return Response(text, media_type="text/markdown", headers={"Content-Disposition": 'attachment; filename="card.md"'})
