"""Turns exceptions into responses, and records denials in the audit log."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, DBAPIError, TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from app.core.db.errors import as_app_error
from app.core.errors import AppError, Invalid, TooManyRequests
from app.core.rate_limits import DENIALS
from app.domain.audit import actions as audit_actions
from app.http import route_permissions
from app.http.error_responses import RequestRejected, crash_json, error_response, http_json, is_api, pages_of

log = logging.getLogger(__name__)


def on_app_error(request: Request, error: AppError) -> Response:
    if error.denied:
        record_denial(request, error)
    response = error_response(request, error)
    if retry_after := getattr(error, "retry_after", None):
        response.headers.setdefault("Retry-After", str(retry_after))
    return response


def on_data(request: Request, _: DataError) -> Response:
    return on_app_error(request, Invalid("A value in the request cannot be stored or looked up; correct it."))


def on_outage(request: Request, error: Exception) -> Response:
    """The disk is full, or the database is unreachable or busy; any other error is a defect."""
    known = as_app_error(error)
    if known is None:
        return on_crash(request, error)
    log.warning("%s at %s %s: %s", known.code, request.method, _template(request), error)
    return on_app_error(request, known)


def on_validation(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or None
    return on_app_error(request, Invalid(f"{field or 'The request'}: {first['msg']}.", field=field))


def on_http(request: Request, error: HTTPException) -> Response:
    if is_api(request.scope):
        return http_json(error)
    if error.status_code == 404:
        return pages_of(request).missing_page(request)
    shown = RequestRejected(error.status_code, AppError.code, str(error.detail))
    return pages_of(request).error_page(request, shown)


def on_crash(request: Request, error: Exception) -> Response:
    log.error("unhandled error at %s %s", request.method, _template(request), exc_info=error)
    return crash_json() if is_api(request.scope) else pages_of(request).crash_page(request)


def handle_errors(app: FastAPI) -> None:
    handlers: dict[Any, Any] = {
        AppError: on_app_error,
        DataError: on_data,
        DBAPIError: on_outage,
        PoolTimeout: on_outage,
        OSError: on_outage,
        RequestValidationError: on_validation,
        HTTPException: on_http,
        Exception: on_crash,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def record_denial(request: Request, error: AppError) -> None:
    """Record `access.denied` in a transaction of its own, since the request's transaction was rolled back.

    The event holds the route's template, since a URL may contain a secret. A failure here does not change the response.
    A rate limit keeps a user from filling the audit log; further denials are only in the server's log.
    """
    permissions = sorted(str(permission) for permission in route_permissions.permissions(_route(request)))
    try:
        request.app.state.limits.hit(DENIALS, "denied", getattr(request.state, "actor", None) or "nobody")
        with request.app.state.database.session() as session:
            audit_actions.record(
                session,
                getattr(request.state, "actor", None),
                "access.denied",
                "route",
                _template(request)[:64],
                method=request.method[:16],
                route=_template(request),
                permission=permissions[0] if permissions else None,
                reason=error.code,
            )
    except TooManyRequests:
        log.warning("denied again: %s %s", request.method, _template(request))
    except Exception:
        log.exception("a denial at %s %s was not recorded", request.method, _template(request))


def _route(request: Request) -> Any:
    """The route with its full path, which FastAPI keeps in the scope for an included router."""
    return request.scope.get("fastapi", {}).get("effective_route_context") or request.scope.get("route")


def _template(request: Request) -> str:
    """Like /pairs/{pair_id}; "(none)" when no route matched."""
    return str(getattr(_route(request), "path", "(none)"))
