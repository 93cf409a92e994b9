"""Pages of lineage, of a person's contributions and data, and of erasure."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask

from app.core.errors import NotFound
from app.domain.accounts import queries as accounts
from app.domain.accounts.permissions import Permission, require_global
from app.domain.accounts.tables import User
from app.domain.consent import queries as consent
from app.domain.datasets import queries as datasets
from app.domain.datasets.tables import DatasetVersion
from app.domain.evaluation import queries as evaluation
from app.domain.projects import access
from app.domain.provenance import actions, cards, portability, queries
from app.domain.registry.tables import ModelVersion
from app.domain.training import queries as training
from app.domain.training.tables import TrainingRun
from app.web.deps import Db, Me, Posted, asks, go, in_project, text
from app.web.render import page

router = APIRouter()


@router.get("/versions/{version_id}/provenance", dependencies=[asks(Permission.READ_PROJECT)])
def of_version(request: Request, session: Db, user: Me, version_id: str, cursor: str | None = None) -> Response:
    return _lineage(request, session, user, datasets.by_id(session, version_id), cursor)


@router.get("/models/{model_id}/provenance", dependencies=[asks(Permission.READ_PROJECT)])
def of_model(request: Request, session: Db, user: Me, model_id: str, cursor: str | None = None) -> Response:
    model = queries.model_by_id(session, model_id)
    run = training.by_id(session, model.run_id)
    return _lineage(request, session, user, datasets.by_id(session, run.version_id), cursor, model, run)


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
    found = queries.lineage(session, version)
    items = queries.items(session, version, cursor=cursor)
    people = {one["user"] for one in (*found.authors, *found.reviewers)}
    return page(
        request,
        "provenance/lineage.html",
        **in_project(session, user, project, "/runs" if model else "/versions"),
        version=version,
        model=model,
        run=run,
        withdrawn_since=queries.learned_and_withdrawn(session, run) if run else 0,
        found=found,
        items=items,
        models=queries.models_of(session, version),
        names=accounts.names(session, people) if user.is_admin else {},
    )


@router.get("/versions/{version_id}/card.md", dependencies=[asks(Permission.READ_PROJECT)])
def card_of_version(session: Db, user: Me, version_id: str) -> Response:
    version = datasets.by_id(session, version_id)
    project = access.project_of(session, user, version.project_id)
    present = {split: file["examples"] for split, file in datasets.files_of(version).items()}
    return _markdown(cards.of_version(project, version, queries.lineage(session, version), present))


@router.get("/models/{model_id}/card.md", dependencies=[asks(Permission.READ_PROJECT)])
def card_of_model(session: Db, user: Me, model_id: str) -> Response:
    model = queries.model_by_id(session, model_id)
    project = access.project_of(session, user, model.project_id)
    run = training.by_id(session, model.run_id)
    report = evaluation.report_of(session, run)
    if report is None:
        raise NotFound("This model has no report, and so no card.")
    gone = queries.learned_and_withdrawn(session, run)
    return _markdown(cards.of_model(project, model, run, datasets.by_id(session, run.version_id), report, gone))


def _markdown(text: str) -> Response:
    return Response(text, media_type="text/markdown", headers={"Content-Disposition": 'attachment; filename="card.md"'})


@router.get("/people/{user_id}/contributions", dependencies=[asks(Permission.MANAGE_PEOPLE)])
def of_person(request: Request, session: Db, user: Me, user_id: str) -> Response:
    require_global(session, user, Permission.MANAGE_PEOPLE)
    person = queries.person_by_id(session, user_id)
    return page(
        request,
        "provenance/person.html",
        person=person,
        given=queries.contributions(session, person),
        erasure=queries.erasure_of(session, person),
        asked=queries.has_asked(session, person),
    )


@router.get("/account/data", dependencies=[asks(Permission.USE)])
def mine(request: Request, session: Db, user: Me) -> Response:
    return page(
        request,
        "provenance/mine.html",
        given=queries.contributions(session, user),
        acceptances=consent.acceptances(session, user),
        asked=queries.has_asked(session, user),
    )


@router.get("/account/data.zip", dependencies=[asks(Permission.USE)])
def download(session: Db, user: Me) -> Response:
    return _archive(session, user, user)


@router.get("/people/{user_id}/data.zip", dependencies=[asks(Permission.MANAGE_PEOPLE)])
def download_of(session: Db, user: Me, user_id: str) -> Response:
    require_global(session, user, Permission.MANAGE_PEOPLE)
    return _archive(session, user, queries.person_by_id(session, user_id))


def _archive(session: Session, viewer: User, person: User) -> Response:
    file = portability.archive(session, viewer, person)
    headers = {"Content-Disposition": f'attachment; filename="data-{person.id}.zip"'}
    return StreamingResponse(portability.chunks(file), media_type="application/zip", headers=headers)


@router.post("/account/data/erasure", dependencies=[asks(Permission.USE)])
def ask(request: Request, session: Db, user: Me, form: Posted) -> Response:
    actions.request_erasure(session, user)
    return go(request, "/account/data", "Your admins are told. Download your data before they see to it.")


@router.get("/people/{user_id}/erase", dependencies=[asks(Permission.MANAGE_PEOPLE)])
def confirm(request: Request, session: Db, user: Me, user_id: str) -> Response:
    require_global(session, user, Permission.MANAGE_PEOPLE)
    return _confirm(request, session, queries.person_by_id(session, user_id))


@router.post("/people/{user_id}/erase", dependencies=[asks(Permission.MANAGE_PEOPLE)])
def erase(request: Request, session: Db, user: Me, form: Posted, user_id: str) -> Response:
    """The address typed again is the confirmation: a button can be pressed by mistake."""
    require_global(session, user, Permission.MANAGE_PEOPLE)
    person = queries.person_by_id(session, user_id)
    if text(form, "email").lower() != person.email:
        return _confirm(request, session, person, error="Type the person's e-mail address exactly; nothing was erased.")
    storage = request.app.state.storage
    actions.erase(session, storage, user, person, content=text(form, "content"))
    response = go(request, f"/people/{person.id}/contributions", "Erased.")
    state = request.app.state
    response.background = BackgroundTask(actions.sweep, state.database, storage, state.settings.erasures_path)
    return response


def _confirm(request: Request, session: Session, person: User, error: str = "") -> Response:
    return page(
        request,
        "provenance/erase.html",
        status=422 if error else 200,
        person=person,
        given=queries.contributions(session, person),
        error=error,
    )
