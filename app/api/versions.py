"""Versions: freeze, list, show, export."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import Response

from app.api import downloads
from app.api.deps import CurrentProject, CurrentUser, StorageDep, requires
from app.api.idempotency import Idempotent
from app.api.schemas.base import Items, file_response
from app.api.schemas.jobs import JobOut
from app.api.schemas.versions import NewVersion, VersionOut
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.versions import actions as versions_actions, export, queries as versions_queries
from app.http.transactions import DbSession

router = APIRouter(tags=["versions"], route_class=StrictRoute)
MEDIA_TYPES = sorted({export.media_type(format).partition(";")[0] for format in export.FORMATS})


@router.post(
    "/projects/{slug}/versions",
    status_code=202,
    dependencies=[requires(Permission.FREEZE_VERSION)],
    response_model=JobOut,
)
def freeze(project: CurrentProject, body: NewVersion, session: DbSession, user: CurrentUser, once: Idempotent) -> Any:
    def produce() -> JobOut:
        return JobOut.of(versions_actions.request_version(session, user, project, **body.model_dump()))

    return once(body, produce, 202)


@router.get("/projects/{slug}/versions", dependencies=[requires(Permission.READ_PROJECT)])
def list_versions(project: CurrentProject, session: DbSession) -> Items[VersionOut]:
    versions = versions_queries.versions(session, project)
    return Items(items=[VersionOut.model_validate(version) for version in versions])


@router.get("/versions/{version_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(version_id: str, session: DbSession) -> VersionOut:
    return VersionOut.model_validate(versions_queries.by_id(session, version_id))


@router.get(
    "/versions/{version_id}/export",
    dependencies=[requires(Permission.READ_PROJECT)],
    response_class=Response,
    responses=file_response(*MEDIA_TYPES),
)
def export_split(
    version_id: str,
    session: DbSession,
    storage: StorageDep,
    format: str = "jsonl",
    split: Literal["train", "validation", "test"] = "train",
) -> Response:
    version = versions_queries.by_id(session, version_id)
    body = export.convert(storage.bytes_of(versions_queries.files_of(version)[split]["sha256"]), format)
    name = export.file_name(f"{version.name}-{version.number}-{split}", format)
    return downloads.attachment(body, name, export.media_type(format), etag=f"{version.hash}-{split}-{format}")
