"""Error responses: the one JSON shape {"error", "detail", "field"?}, and the choice between JSON and a page.

The pages themselves belong to `app.web`; `create_app` hands them in as `app.state.error_pages`.
"""

from __future__ import annotations

from typing import Protocol

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import Scope

from app.core.errors import AppError

API_PREFIXES = ("/api/", "/worker/", "/healthz", "/openapi.json")
CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "content_type"}
API_NAMES = {"licence": "license"}
"""Stored name of a field -> its name in the API, where they differ."""


class RequestRejected(AppError):
    """The request is rejected before any handler runs."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail, code=code)
        self.status = status


class ErrorPages(Protocol):
    """HTML error pages."""

    def error_page(self, request: Request, error: AppError) -> Response: ...
    def missing_page(self, request: Request) -> Response: ...
    def crash_page(self, request: Request) -> Response: ...


def is_api(scope: Scope) -> bool:
    """Whether a response is JSON for scripts rather than a page."""
    return bool(scope["path"].startswith(API_PREFIXES))


def error_json(error: AppError) -> JSONResponse:
    body = {"error": error.code, "detail": error.detail}
    if error.field:
        body["field"] = API_NAMES.get(error.field, error.field)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    return JSONResponse(body, error.status, headers=headers)


def http_json(error: HTTPException) -> JSONResponse:
    body = {"error": CODES.get(error.status_code, "error"), "detail": str(error.detail)}
    return JSONResponse(body, error.status_code, headers=error.headers)


def crash_json() -> JSONResponse:
    return JSONResponse({"error": "internal", "detail": "Something broke on our side; see the server log."}, 500)


def pages_of(request: Request) -> ErrorPages:
    pages: ErrorPages = request.app.state.error_pages
    return pages


def error_response(request: Request, error: AppError) -> Response:
    return error_json(error) if is_api(request.scope) else pages_of(request).error_page(request, error)
