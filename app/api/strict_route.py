"""Every JSON body of the API is read strictly: what two parsers could understand in two ways is refused (422)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from sqlalchemy.orm import Session

from app.core import strict_json
from app.core.errors import Invalid
from app.http.transactions import finish, undo


def commit_in_thread(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, and then the end of its transaction, in one thread; a coroutine, so that no other one is needed."""

    def work(given: dict[str, Any]) -> Any:
        session = given.get("session")
        if not isinstance(session, Session):
            return handler(**given)
        try:
            answer = handler(**given)
        except BaseException as error:
            undo(session, error)
            raise
        finish(session)
        return answer

    @wraps(handler)
    async def run(**given: Any) -> Any:
        return await run_in_threadpool(work, given)

    return run


class StrictRoute(APIRoute):
    """`APIRouter(route_class=StrictRoute)`: the handler sees only a body that passed `strict_json`."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:
        super().__init__(path, endpoint if iscoroutinefunction(endpoint) else commit_in_thread(endpoint), **given)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            if _is_json(request) and (body := await request.body()):
                request._json = strict_json.loads(body)
            return await handle(request)

        return strictly


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" and "charset" in request.headers["content-type"].lower():
        _refuse_other_charsets(request.headers["content-type"].lower())
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _refuse_other_charsets(content_type: str) -> None:
    if "utf-8" not in content_type and "utf8" not in content_type:
        raise Invalid("JSON is UTF-8; send it as such.")
