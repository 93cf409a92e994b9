"""`Idempotency-Key`: a POST that is sent again, say after a lost connection, gives the first answer again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.encoders import jsonable_encoder

from app.core import idempotency

Key = Annotated[str | None, Header(min_length=8, max_length=100)]


class IdempotentRequest:
    """What a handler calls with the request's body, the permission it asks anew, and the work to do once."""

    def __init__(self, request: Request, key: str | None) -> None:
        self.request, self.key = request, key

    def __call__(self, body: Any, ask: Callable[[], Any], produce: Callable[[], Any], status: int = 201) -> Any:
        ask()
        if self.key is None:
            return produce()
        same = idempotency.fingerprint(self.request.method, self.request.scope["path"], jsonable_encoder(body))
        work = lambda: jsonable_encoder(produce())  # noqa: E731
        door = self.request.state
        return idempotency.idempotent(door.session, door.me.id, self.key, same, status, work).body


async def idempotent_request(request: Request, idempotency_key: Key = None) -> IdempotentRequest:
    """Needs no thread: nothing is asked before it is called, which is behind the door."""
    return IdempotentRequest(request, idempotency_key)


Idempotent = Annotated[IdempotentRequest, Depends(idempotent_request)]
