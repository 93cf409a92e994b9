"""Versions: freeze, list, show, export."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi.responses import Response
from pydantic import BeforeValidator, Field, field_validator

from app.api import downloads
from app.api.deps import CurrentProject, CurrentUser, DbSession, StorageDep, requires
from app.api.idempotency import Idempotent
from app.api.jobs import JobOut
from app.api.schemas import Body, Items, Json, StoredModel, file_response
from app.api.strict_route import strict_router
from app.domain.accounts.permissions import Permission
from app.domain.versions import actions as versions_actions, export, queries as versions_queries

router = strict_router("versions")
MEDIA_TYPES = sorted({export.media_type(format).partition(";")[0] for format in export.FORMATS})


def _renamed(fields: Json, old: str, new: str) -> Json:
    return {new if name == old else name: value for name, value in fields.items()}


LicenseKey = Annotated[Json, BeforeValidator(lambda fields: _renamed(fields, "licence", "license"))]
"""An object whose key `licence` is `license` in responses."""


class NewVersion(Body):
    name: str
    splits: dict[str, float] = Field(default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1})
    seed: int = 0
    filters: dict[str, str | list[str] | bool] = Field(default_factory=dict)
    deduplicate: bool = True

    @field_validator("filters")
    @classmethod
    def stored_filters(cls, filters: Json) -> Json:
        return _renamed(filters, "license", "licence")


class VersionOut(StoredModel):
    number: int
    name: str
    seed: int
    splits: dict[str, float]
    filters: LicenseKey
    deduplicate: bool
    hash: str
    files: Json
    counts: Json
    distribution: LicenseKey
    leak_report: Json
    redactions: Json | None


@router.post("/projects/{slug}/versions", status_code=202, dependencies=[requires(Permission.FREEZE_VERSION)])
def freeze(
    project: CurrentProject, body: NewVersion, session: DbSession, user: CurrentUser, once: Idempotent
) -> JobOut:
    def produce() -> JobOut:
        job = versions_actions.request_version(session, user, project, **body.model_dump())
        return JobOut.of(job, progress=job)

    return once(body, JobOut, produce, 202)


@router.get("/projects/{slug}/versions", dependencies=[requires(Permission.READ_PROJECT)])
def list_versions(project: CurrentProject, session: DbSession) -> Items[VersionOut]:
    return Items[VersionOut](items=versions_queries.versions(session, project))


@router.get("/versions/{version_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(version_id: str, session: DbSession) -> VersionOut:
    return VersionOut.of(versions_queries.by_id(session, version_id))


@router.get(
    "/versions/{version_id}/export", dependencies=[requires(Permission.READ_PROJECT)], **file_response(*MEDIA_TYPES)
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
