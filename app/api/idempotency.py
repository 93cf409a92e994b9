"""`Idempotency-Key`: a POST that is sent again, say after a lost connection, gets the first answer again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request
from fastapi.encoders import jsonable_encoder

from app.api.schemas import Model
from app.core import idempotency

M = TypeVar("M", bound=Model)
Key = Annotated[str | None, Header(min_length=8, max_length=100)]


class IdempotentRequest:
    """A handler calls it with the request's body and the work to do once; the caller is authorized by then."""

    def __init__(self, request: Request, key: str | None) -> None:
        self.request, self.key = request, key

    def __call__(self, body: Any, model: type[M], produce: Callable[[], M], status: int = 201) -> M:
        if self.key is None:
            return produce()
        fingerprint = idempotency.fingerprint(self.request.method, self.request.scope["path"], jsonable_encoder(body))
        state = self.request.state
        answer = idempotency.idempotent(
            state.session, state.me.id, self.key, fingerprint, status, lambda: jsonable_encoder(produce())
        )
        return model.model_validate(answer.body)


async def idempotent_request(request: Request, idempotency_key: Key = None) -> IdempotentRequest:
    return IdempotentRequest(request, idempotency_key)


Idempotent = Annotated[IdempotentRequest, Depends(idempotent_request)]
