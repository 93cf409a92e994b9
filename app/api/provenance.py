"""Where a model comes from, where a contribution went; a person's data; erasure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from app.api.deps import Body, CurrentUser, Limit, StorageDep, requires
from app.api.strict_route import StrictRoute
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.lineage import queries as lineage_queries
from app.domain.privacy import actions as privacy_actions
from app.domain.privacy import portability_queries
from app.domain.runs import queries as runs_queries
from app.domain.versions import queries as versions_queries
from app.domain.versions.tables import DatasetVersion
from app.http.transactions import DbSession

router = APIRouter(tags=["provenance"], route_class=StrictRoute)
Cursor = Annotated[str | None, Query(max_length=40)]


class NewErasure(Body):
    content: Literal["keep", "withdraw"]


def version_lineage(
    session: Session, viewer: User, version: DatasetVersion, limit: int, cursor: str | None
) -> dict[str, Any]:
    """Counts and a page of examples. Contributors are pseudonyms; admins are told names, too."""
    found = asdict(lineage_queries.version_lineage(session, version))
    page = lineage_queries.version_items(session, version, limit=limit, cursor=cursor)
    if viewer.is_admin:
        for one in (*found["authors"], *found["reviewers"]):
            one["name"] = accounts_queries.get_user(session, one["user"]).name
    about = {"id": version.id, "number": version.number, "name": version.name, "hash": version.hash}
    return {"version": about, **found, "redactions": version.redactions or {}, "items": page.items, "next": page.next}


@router.get("/versions/{version_id}/provenance", dependencies=[requires(Permission.READ_PROJECT)])
def of_version(
    version_id: str, session: DbSession, user: CurrentUser, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    version = versions_queries.by_id(session, version_id)
    return version_lineage(session, user, version, limit, cursor)


@router.get("/models/{model_id}/provenance", dependencies=[requires(Permission.READ_PROJECT)])
def of_model(
    model_id: str, session: DbSession, user: CurrentUser, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """From the weights down to every contribution. `trained_on_withdrawn` counts examples withdrawn since."""
    model = lineage_queries.model_by_id(session, model_id)
    run = runs_queries.by_id(session, model.run_id)
    version = versions_queries.by_id(session, run.version_id)
    return {
        "model": {name: getattr(model, name) for name in ("id", "number", "stage", "artifacts", "created_at")},
        "run": {name: getattr(run, name) for name in ("id", "number", "recipe", "seed", "started_at", "finished_at")},
        "trained_on_withdrawn": lineage_queries.withdrawn_training_examples(session, run),
        **version_lineage(session, user, version, limit, cursor),
    }


@router.get("/people/{user_id}/contributions", dependencies=[requires(Permission.USE)])
def of_person(user_id: str, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    """One's own, or anybody's for admins."""
    return lineage_queries.contributions(session, lineage_queries.data_subject(session, user, user_id))


@router.get("/people/{user_id}/data", dependencies=[requires(Permission.USE)])
def data_of_person(user_id: str, session: DbSession, user: CurrentUser) -> StreamingResponse:
    """One ZIP of JSON Lines with everything that the person gave."""
    file = portability_queries.export_archive(session, user, lineage_queries.data_subject(session, user, user_id))
    headers = {"Content-Disposition": f'attachment; filename="data-{user_id}.zip"'}
    return StreamingResponse(portability_queries.archive_chunks(file), media_type="application/zip", headers=headers)


@router.post("/people/{user_id}/erasure", dependencies=[requires(Permission.MANAGE_PEOPLE)], status_code=201)
def erase(
    user_id: str,
    body: NewErasure,
    request: Request,
    session: DbSession,
    user: CurrentUser,
    storage: StorageDep,
    after: BackgroundTasks,
) -> dict[str, Any]:
    """Final. Files are deleted right after the answer has left."""
    person = accounts_queries.get_user(session, user_id)
    erasure = privacy_actions.erase(session, storage, user, person, content=body.content)
    state = request.app.state
    after.add_task(privacy_actions.sweep, state.database, storage, state.settings.erasures_path)
    return {name: getattr(erasure, name) for name in ("id", "content", "created_at", "report")}
