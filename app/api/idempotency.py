"""`Idempotency-Key`: a POST that is sent again, say after a lost connection, gets the first answer again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.encoders import jsonable_encoder

from app.core import idempotency

Key = Annotated[str | None, Header(min_length=8, max_length=100)]


class IdempotentRequest:
    """A handler calls it with the request's body and the work to do once; the caller is authorized by then."""

    def __init__(self, request: Request, key: str | None) -> None:
        self.request, self.key = request, key

    def __call__(self, body: Any, produce: Callable[[], Any], status: int = 201) -> Any:
        if self.key is None:
            return produce()
        fingerprint = idempotency.fingerprint(self.request.method, self.request.scope["path"], jsonable_encoder(body))
        state = self.request.state
        return idempotency.idempotent(
            state.session, state.me.id, self.key, fingerprint, status, lambda: jsonable_encoder(produce())
        ).body


async def idempotent_request(request: Request, idempotency_key: Key = None) -> IdempotentRequest:
    return IdempotentRequest(request, idempotency_key)


Idempotent = Annotated[IdempotentRequest, Depends(idempotent_request)]
