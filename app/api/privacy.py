"""A user's data as an archive, and its erasure."""

from __future__ import annotations

from typing import Literal

from fastapi import BackgroundTasks, Request
from fastapi.responses import StreamingResponse

from app.api.deps import CurrentUser, DbSession, StorageDep, requires
from app.api.schemas import Body, Json, StoredModel, file_response
from app.api.strict_route import strict_router
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.lineage import queries as lineage_queries
from app.domain.privacy import actions as privacy_actions, portability_queries

router = strict_router("privacy")


class NewErasure(Body):
    content: Literal["keep", "withdraw"]


class ErasureOut(StoredModel):
    content: str
    report: Json


@router.get(
    "/people/{user_id}/data",
    dependencies=[requires(Permission.USE)],
    **file_response("application/zip"),
)
def data_of_person(user_id: str, session: DbSession, user: CurrentUser) -> StreamingResponse:
    """A ZIP of JSON Lines with everything that the user contributed. The caller's own; for admins anybody's."""
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
    background: BackgroundTasks,
) -> ErasureOut:
    """Cannot be undone. Files are deleted right after the response was sent."""
    person = accounts_queries.get_user(session, user_id)
    erasure = privacy_actions.erase(session, storage, user, person, content=body.content)
    state = request.app.state
    background.add_task(privacy_actions.sweep, state.database, storage, state.settings.erasures_path)
    return ErasureOut.of(erasure)
