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
    content_type = request.headers.get("content-type", "").lower()
    kind = content_type.partition(";")[0].strip()
    is_utf8 = "charset" not in content_type or "utf-8" in content_type or "utf8" in content_type
    if kind == "application/json" and not is_utf8:
        raise Invalid("Send the JSON in UTF-8.")
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
