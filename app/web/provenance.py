"""Pages of lineage, of a person's contributions and data, and of erasure."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask

from app.core.errors import NotFound
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission, require_global
from app.domain.accounts.tables import User
from app.domain.consent import queries as consent_queries
from app.domain.evaluations import queries as evaluations_queries
from app.domain.lineage import cards
from app.domain.lineage import queries as lineage_queries
from app.domain.models.tables import ModelVersion
from app.domain.privacy import actions as privacy_actions
from app.domain.privacy import portability
from app.domain.privacy import queries as privacy_queries
from app.domain.projects import access
from app.domain.runs import queries as runs_queries
from app.domain.runs.tables import TrainingRun
from app.domain.versions import queries as versions_queries
from app.domain.versions.tables import DatasetVersion
from app.http.transactions import DbSession
from app.web.deps import CsrfForm, CurrentUser, form_str, project_context, redirect, requires
from app.web.render import render

router = APIRouter()


@router.get("/versions/{version_id}/provenance", dependencies=[requires(Permission.READ_PROJECT)])
def of_version(
    request: Request, session: DbSession, user: CurrentUser, version_id: str, cursor: str | None = None
) -> Response:
    return _lineage(request, session, user, versions_queries.by_id(session, version_id), cursor)


@router.get("/models/{model_id}/provenance", dependencies=[requires(Permission.READ_PROJECT)])
def of_model(
    request: Request, session: DbSession, user: CurrentUser, model_id: str, cursor: str | None = None
) -> Response:
    model = lineage_queries.model_by_id(session, model_id)
    run = runs_queries.by_id(session, model.run_id)
    return _lineage(request, session, user, versions_queries.by_id(session, run.version_id), cursor, model, run)


def _lineage(
    request: Request,
    session: Session,
    user: User,
    version: DatasetVersion,
    cursor: str | None,
    model: ModelVersion | None = None,
    run: TrainingRun | None = None,
) -> Response:
    project = access.project_of(session, user, version.project_id)
    found = lineage_queries.lineage(session, version)
    items = lineage_queries.items(session, version, cursor=cursor)
    people = {one["user"] for one in (*found.authors, *found.reviewers)}
    return render(
        request,
        "lineage/show.html",
        **project_context(session, user, project, "/runs" if model else "/versions"),
        version=version,
        model=model,
        run=run,
        withdrawn_since=lineage_queries.learned_and_withdrawn(session, run) if run else 0,
        found=found,
        items=items,
        models=lineage_queries.models_of(session, version),
        names=accounts_queries.names(session, people) if user.is_admin else {},
    )


@router.get("/versions/{version_id}/card.md", dependencies=[requires(Permission.READ_PROJECT)])
def card_of_version(session: DbSession, user: CurrentUser, version_id: str) -> Response:
    version = versions_queries.by_id(session, version_id)
    project = access.project_of(session, user, version.project_id)
    present = {split: file["examples"] for split, file in versions_queries.files_of(version).items()}
    return _markdown(cards.of_version(project, version, lineage_queries.lineage(session, version), present))


@router.get("/models/{model_id}/card.md", dependencies=[requires(Permission.READ_PROJECT)])
def card_of_model(session: DbSession, user: CurrentUser, model_id: str) -> Response:
    model = lineage_queries.model_by_id(session, model_id)
    project = access.project_of(session, user, model.project_id)
    run = runs_queries.by_id(session, model.run_id)
    report = evaluations_queries.report_of(session, run)
    if report is None:
        raise NotFound("This model has no report, and so no card.")
    gone = lineage_queries.learned_and_withdrawn(session, run)
    return _markdown(cards.of_model(project, model, run, versions_queries.by_id(session, run.version_id), report, gone))


def _markdown(text: str) -> Response:
    return Response(text, media_type="text/markdown", headers={"Content-Disposition": 'attachment; filename="card.md"'})


@router.get("/people/{user_id}/contributions", dependencies=[requires(Permission.MANAGE_PEOPLE)])
def of_person(request: Request, session: DbSession, user: CurrentUser, user_id: str) -> Response:
    require_global(session, user, Permission.MANAGE_PEOPLE)
    person = accounts_queries.get_user(session, user_id)
    return render(
        request,
        "privacy/person.html",
        person=person,
        given=lineage_queries.contributions(session, person),
        erasure=privacy_queries.erasure_of(session, person),
        asked=privacy_queries.has_asked(session, person),
    )


@router.get("/account/data", dependencies=[requires(Permission.USE)])
def mine(request: Request, session: DbSession, user: CurrentUser) -> Response:
    return render(
        request,
        "privacy/mine.html",
        given=lineage_queries.contributions(session, user),
        acceptances=consent_queries.acceptances(session, user),
        asked=privacy_queries.has_asked(session, user),
    )


@router.get("/account/data.zip", dependencies=[requires(Permission.USE)])
def download(session: DbSession, user: CurrentUser) -> Response:
    return _archive(session, user, user)


@router.get("/people/{user_id}/data.zip", dependencies=[requires(Permission.MANAGE_PEOPLE)])
def download_of(session: DbSession, user: CurrentUser, user_id: str) -> Response:
    require_global(session, user, Permission.MANAGE_PEOPLE)
    return _archive(session, user, accounts_queries.get_user(session, user_id))


def _archive(session: Session, viewer: User, person: User) -> Response:
    file = portability.archive(session, viewer, person)
    headers = {"Content-Disposition": f'attachment; filename="data-{person.id}.zip"'}
    return StreamingResponse(portability.chunks(file), media_type="application/zip", headers=headers)


@router.post("/account/data/erasure", dependencies=[requires(Permission.USE)])
def ask(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    privacy_actions.request_erasure(session, user)
    return redirect(request, "/account/data", "Your admins are told. Download your data before they see to it.")


@router.get("/people/{user_id}/erase", dependencies=[requires(Permission.MANAGE_PEOPLE)])
def confirm(request: Request, session: DbSession, user: CurrentUser, user_id: str) -> Response:
    require_global(session, user, Permission.MANAGE_PEOPLE)
    return _confirm(request, session, accounts_queries.get_user(session, user_id))


@router.post("/people/{user_id}/erase", dependencies=[requires(Permission.MANAGE_PEOPLE)])
def erase(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, user_id: str) -> Response:
    """The address typed again is the confirmation: a button can be pressed by mistake."""
    require_global(session, user, Permission.MANAGE_PEOPLE)
    person = accounts_queries.get_user(session, user_id)
    if form_str(form, "email").lower() != person.email:
        return _confirm(request, session, person, error="Type the person's e-mail address exactly; nothing was erased.")
    storage = request.app.state.storage
    privacy_actions.erase(session, storage, user, person, content=form_str(form, "content"))
    response = redirect(request, f"/people/{person.id}/contributions", "Erased.")
    state = request.app.state
    response.background = BackgroundTask(privacy_actions.sweep, state.database, storage, state.settings.erasures_path)
    return response


def _confirm(request: Request, session: Session, person: User, error: str = "") -> Response:
    return render(
        request,
        "privacy/erase.html",
        status=422 if error else 200,
        person=person,
        given=lineage_queries.contributions(session, person),
        error=error,
    )
