"""Parses every JSON body of the API strictly: a body that two parsers could read differently is rejected (422)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from app.core import strict_json
from app.core.errors import Invalid


class StrictRoute(APIRoute):
    """The handler receives only bodies that passed `strict_json`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def parse_strictly(request: Request) -> Response:
            if _is_json(request) and (body := await request.body()):
                request._json = strict_json.loads(body)
            return await handle(request)

        return parse_strictly


def strict_router(tag: str) -> APIRouter:
    """Make the router of a room; `tag` is its heading in the OpenAPI document."""
    return APIRouter(tags=[tag], route_class=StrictRoute)


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" and "charset" in request.headers["content-type"].lower():
        _reject_other_charsets(request.headers["content-type"].lower())
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _reject_other_charsets(content_type: str) -> None:
    if "utf-8" not in content_type and "utf8" not in content_type:
        raise Invalid("Send the JSON in UTF-8.")
