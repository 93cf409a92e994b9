"""The trainer's API: claim, heartbeat, events, files, artifacts, finish. Every call but the claim is fenced."""

from __future__ import annotations

from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from app.api.deps import CurrentWorker, StorageDep, authenticated_worker
from app.api.strict_route import StrictRoute
from app.core import jobs
from app.core.errors import Conflict, Invalid, NotFound
from app.domain.accounts.tables import User
from app.domain.evaluations import actions as evaluations_actions
from app.domain.runs import actions as runs_actions
from app.http.transactions import Transaction
from trainer import protocol

router = APIRouter(prefix="/worker/v1", include_in_schema=False, route_class=StrictRoute)
ARTIFACT_LIMIT = 64 * 1024**3


@router.post("/claim", response_model=None)
def claim(
    body: protocol.ClaimRequest, request: Request, session: Transaction, _: CurrentWorker
) -> protocol.Claim | Response:
    return runs_actions.claim(session, body.worker, request.app.state.watch) or Response(status_code=204)


@router.post("/heartbeat")
def heartbeat(
    body: protocol.Heartbeat, request: Request, session: Transaction, _: CurrentWorker
) -> protocol.HeartbeatReply:
    return runs_actions.heartbeat(session, body, request.app.state.settings.lease_seconds)


@router.post("/events")
def events(body: protocol.Events, session: Transaction, _: CurrentWorker) -> dict[str, int]:
    return {"last_seq": runs_actions.record_events(session, body)}


@router.get("/files/{sha256}")
def read_file(
    sha256: str, job: str, token: int, session: Transaction, storage: StorageDep, _: CurrentWorker
) -> StreamingResponse:
    jobs.require_lease(session, job, token)
    if not jobs.may_read_file(session, job, sha256):
        raise NotFound()
    storage.verify(sha256)
    return StreamingResponse(storage.read(sha256), media_type="application/octet-stream")


async def _spooled(request: Request, _: Annotated[User, Depends(authenticated_worker)]) -> Any:
    """Store the body in a temporary file: a model does not fit into memory."""
    file = SpooledTemporaryFile(max_size=8 * 1024**2)  # noqa: SIM115  (closed when the request ends)
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > ARTIFACT_LIMIT:
            raise Invalid(f"The artifact is larger than {ARTIFACT_LIMIT:,} bytes.")
        file.write(chunk)
    file.seek(0)
    return file


@router.put("/artifacts/{sha256}")
def put_artifact(
    request: Request, sha256: str, job: str, token: int, storage: StorageDep, body: Annotated[Any, Depends(_spooled)]
) -> dict[str, Any]:
    """Store the file only; it has no effect until the fenced finish names it."""
    with request.app.state.database.read() as session:
        jobs.require_lease(session, job, token)
    stored, size = storage.put(iter(partial(body.read, 1024 * 1024), b""), expected=sha256)
    return {"sha256": stored, "size": size}


@router.post("/finish")
def finish(body: protocol.Finish, session: Transaction, storage: StorageDep, _: CurrentWorker) -> dict[str, str]:
    if missing := [artifact.name for artifact in body.artifacts if not storage.exists(artifact.sha256)]:
        raise Conflict(f"The artifact {missing[0]!r} is missing. Upload it, then finish again.", code="artifact")
    run = evaluations_actions.accept_completion(session, body)
    return {"run": run.id, "state": run.state}
