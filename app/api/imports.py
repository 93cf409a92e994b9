"""Imports: a file of pairs becomes a job."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile

from app.api.deps import CurrentProject, CurrentUser, StorageDep, rate_limited, requires
from app.api.idempotency import Idempotent
from app.api.jobs import JobOut
from app.api.schemas import LICENSE
from app.api.strict_route import strict_router
from app.core.errors import Invalid, TooLarge
from app.core.rate_limits import COSTLY
from app.domain.accounts.permissions import Permission
from app.domain.imports import actions as imports_actions
from app.domain.imports.reading import mapping as column_mapping
from app.http.transactions import BodyRead, DbSession

router = strict_router("imports")


class ImportForm(BaseModel):
    """The fields beside the file; `map` is JSON: {"prompt": "question", "completion": "answer", "tags": ["topic"]}."""

    model_config = ConfigDict(extra="forbid")
    source: str = ""
    license: str = Field("", validation_alias=LICENSE)
    format: str = "auto"
    submit: bool = False
    approve: bool = False
    skip_bad: bool = False
    map: str = ""

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> ImportForm:
        """Raises RequestValidationError, like FastAPI for the fields of a JSON body."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            errors = [{**item, "loc": ("body", *item["loc"])} for item in error.errors()]
            raise RequestValidationError(errors) from error


FIELDS = {"file": {"type": "string", "format": "binary"}, **ImportForm.model_json_schema()["properties"]}
IMPORT_REQUEST = {
    "required": True,
    "content": {"multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": FIELDS}}},
}


async def uploaded_form(request: Request, _: BodyRead) -> FormData:
    return await request.form()


@router.post(
    "/projects/{slug}/imports",
    status_code=202,
    dependencies=[rate_limited(COSTLY, "imports"), requires(Permission.WRITE_PAIR)],
    openapi_extra={"requestBody": IMPORT_REQUEST},
)
def import_file(
    project: CurrentProject,
    request: Request,
    session: DbSession,
    user: CurrentUser,
    storage: StorageDep,
    form: Annotated[FormData, Depends(uploaded_form)],
    once: Idempotent,
) -> JobOut:
    file, limit = form.get("file"), request.app.state.settings.max_upload_bytes
    if not isinstance(file, UploadFile):
        raise Invalid("Send the file in the field `file`.", field="file")
    if (file.size or 0) > limit:
        raise TooLarge(f"The file is larger than {limit:,} bytes; split it.", field="file")
    fields = ImportForm.parse({name: value for name, value in form.items() if name != "file"}).model_dump()
    fields["mapping"] = column_mapping.from_text(fields.pop("map"))
    stream, name = file.file, file.filename or ""

    def produce() -> JobOut:
        job = imports_actions.request_import(
            session, user, project, storage=storage, data=stream, filename=name, **fields
        )
        return JobOut.of(job, progress=job)

    digest = hashlib.file_digest(stream, "sha256").hexdigest() if once.key else ""  # type: ignore[arg-type]
    stream.seek(0)
    return once({**fields, "file": digest, "filename": file.filename}, JobOut, produce, 202)
