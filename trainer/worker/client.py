"""The worker's side of /worker/v1. Knows HTTP and the protocol's messages; knows nothing of processes.

Errors: `LeaseLost` when another worker holds the lease (409), `Unavailable` when the application cannot be reached or
fails (try again later), `RequestRefused` when it will never accept this request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel

from trainer.protocol import Artifact, Claim, ClaimRequest, Event, Events, Finish, Heartbeat, HeartbeatReply

BLOCK = 1 << 20
EVENTS_PER_POST = 500


class LeaseLost(Exception):
    """Another worker holds the lease."""


class Unavailable(Exception):
    """The application did not answer, or cannot answer now; try again later."""


class RequestRefused(Exception):
    """The application rejected this request; a repetition would be rejected too."""


class AppClient:
    """One method for each worker call; each raises the errors above."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        limits = httpx.Timeout(60.0, connect=5.0)
        self._http = httpx.Client(base_url=f"{url.rstrip('/')}/worker/v1", headers=headers, timeout=limits)

    def claim(self, worker: str) -> Claim | None:
        reply = self._post("claim", ClaimRequest(worker=worker))
        return None if reply.status_code == httpx.codes.NO_CONTENT else Claim.model_validate_json(reply.content)

    def heartbeat(self, beat: Heartbeat) -> HeartbeatReply:
        return HeartbeatReply.model_validate_json(self._post("heartbeat", beat).content)

    def events(self, claim: Claim, events: list[Event]) -> None:
        for start in range(0, len(events), EVENTS_PER_POST):
            part = events[start : start + EVENTS_PER_POST]
            self._post("events", Events(job=claim.job, token=claim.token, events=part))

    def finish(self, message: Finish) -> None:
        self._post("finish", message)

    def download(self, claim: Claim, sha256: str, path: Path) -> None:
        """Fetch a file by its hash to `path`; a damaged transfer leaves nothing behind and raises Unavailable."""
        temporary, digest = path.with_name(path.name + ".part"), hashlib.sha256()
        query: dict[str, str | int] = {"job": claim.job, "token": claim.token}
        try:
            with self._http.stream("GET", f"files/{sha256}", params=query) as reply, temporary.open("wb") as file:
                if reply.is_error:
                    reply.read()
                for block in _checked(reply).iter_bytes(BLOCK):
                    digest.update(block)
                    file.write(block)
        except httpx.TransportError as error:
            raise Unavailable(str(error)) from error
        if digest.hexdigest() != sha256:
            temporary.unlink()
            raise Unavailable(f"file {sha256[:12]} arrived damaged")
        temporary.replace(path)

    def upload(self, claim: Claim, artifact: Artifact, path: Path) -> None:
        query: dict[str, Any] = {"job": claim.job, "token": claim.token, "name": artifact.name}
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(artifact.size)}
        url = f"artifacts/{artifact.sha256}"
        self._send("PUT", url, params=query, content=_blocks(path), headers=headers)

    def _post(self, path: str, message: BaseModel) -> httpx.Response:
        headers = {"Content-Type": "application/json"}
        return self._send("POST", path, content=message.model_dump_json(), headers=headers)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return _checked(self._http.request(method, path, **options))
        except httpx.TransportError as error:
            raise Unavailable(str(error) or type(error).__name__) from error


def _checked(reply: httpx.Response) -> httpx.Response:
    if reply.status_code == httpx.codes.CONFLICT:
        raise LeaseLost(reply.text[:300])
    if reply.status_code >= 500 or reply.status_code in (408, 425, 429):
        raise Unavailable(f"{reply.status_code}: {reply.text[:300]}")
    if reply.is_error:
        raise RequestRefused(f"{reply.request.url.path} answered {reply.status_code}: {reply.text[:1000]}")
    return reply


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block
