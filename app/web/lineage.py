"""Lineage pages: where a version or a model comes from, and its card."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.evaluations import queries as evaluations_queries
from app.domain.lineage import cards, queries as lineage_queries
from app.domain.models.tables import ModelVersion
from app.domain.projects.tables import Project
from app.domain.runs import queries as runs_queries
from app.domain.runs.tables import TrainingRun
from app.domain.versions import queries as versions_queries
from app.domain.versions.tables import DatasetVersion
from app.http.transactions import DbSession
from app.web.deps import CurrentProject, CurrentUser, project_context, requires
from app.web.render import render

router = APIRouter()


@router.get("/versions/{version_id}/lineage", dependencies=[requires(Permission.READ_PROJECT)])
def of_version(
    request: Request,
    session: DbSession,
    user: CurrentUser,
    project: CurrentProject,
    version_id: str,
    cursor: str | None = None,
) -> Response:
    return _lineage(request, session, user, project, versions_queries.by_id(session, version_id), cursor)


@router.get("/models/{model_id}/lineage", dependencies=[requires(Permission.READ_PROJECT)])
def of_model(
    request: Request,
    session: DbSession,
    user: CurrentUser,
    project: CurrentProject,
    model_id: str,
    cursor: str | None = None,
) -> Response:
    model = lineage_queries.model_by_id(session, model_id)
    run = runs_queries.by_id(session, model.run_id)
    return _lineage(
        request, session, user, project, versions_queries.by_id(session, run.version_id), cursor, model, run
    )


def _lineage(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    version: DatasetVersion,
    cursor: str | None,
    model: ModelVersion | None = None,
    run: TrainingRun | None = None,
) -> Response:
    lineage = lineage_queries.version_lineage(session, version)
    user_ids = {row["user"] for row in (*lineage.authors, *lineage.reviewers)}
    return render(
        request,
        "lineage/show.html",
        **project_context(session, user, project, "/runs" if model else "/versions"),
        version=version,
        model=model,
        run=run,
        withdrawn_since=lineage_queries.withdrawn_training_examples(session, run) if run else 0,
        lineage=lineage,
        examples=lineage_queries.version_items(session, version, cursor=cursor),
        models=lineage_queries.runs_and_models(session, version),
        names=accounts_queries.display_names(session, user_ids) if user.is_admin else {},
    )


@router.get("/versions/{version_id}/card.md", dependencies=[requires(Permission.READ_PROJECT)])
def card_of_version(session: DbSession, user: CurrentUser, project: CurrentProject, version_id: str) -> Response:
    version = versions_queries.by_id(session, version_id)
    present = {split: file["examples"] for split, file in versions_queries.files_of(version).items()}
    return _markdown(cards.version_card(project, version, lineage_queries.version_lineage(session, version), present))


@router.get("/models/{model_id}/card.md", dependencies=[requires(Permission.READ_PROJECT)])
def card_of_model(session: DbSession, user: CurrentUser, project: CurrentProject, model_id: str) -> Response:
    model = lineage_queries.model_by_id(session, model_id)
    run = runs_queries.by_id(session, model.run_id)
    report = evaluations_queries.report_of(session, run)
    if report is None:
        raise NotFound("This model has no evaluation report, so it has no card.")
    version, withdrawn = (
        versions_queries.by_id(session, run.version_id),
        lineage_queries.withdrawn_training_examples(session, run),
    )
    return _markdown(cards.model_card(project, model, run, version, report, withdrawn))


def _markdown(text: str) -> Response:
    return Response(text, media_type="text/markdown", headers={"Content-Disposition": 'attachment; filename="card.md"'})
