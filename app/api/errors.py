"""AppError -> the one JSON shape: {"error", "detail", "field"?}."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.core.errors import AppError, TooManyRequests

CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "content_type"}


def error_json(_request: Request, error: AppError) -> JSONResponse:
    body = {"error": error.code, "detail": error.detail}
    if error.field:
        body["field"] = error.field
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    return JSONResponse(body, error.status, headers=headers)


def http_json(error: HTTPException) -> JSONResponse:
    body = {"error": CODES.get(error.status_code, "error"), "detail": str(error.detail)}
    return JSONResponse(body, error.status_code, headers=error.headers)


def crash_json() -> JSONResponse:
    return JSONResponse({"error": "internal", "detail": "Something broke on our side; it is in the server's log."}, 500)
