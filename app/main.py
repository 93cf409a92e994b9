"""create_app(): the only place where the parts meet."""

from __future__ import annotations

import logging
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from sqlalchemy import text
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware

from app.api import errors as api_errors
from app.api.routes import router as api_router
from app.api.worker import router as worker_router
from app.core.database import Database
from app.core.errors import AppError, Invalid
from app.core.storage import Storage
from app.settings import Settings
from app.web import errors as web_errors
from app.web.routes import router as web_router

ROOT = Path(__file__).resolve().parent.parent
log = logging.getLogger(__name__)

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application with its database, storage, faces and error handlers."""
    settings = settings or Settings()
    app = FastAPI(title="Preceptor", version="0.1.0", docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.database = Database(settings.resolved_database_url)
    app.state.storage = Storage(settings.resolved_storage_url)
    app.mount("/static", StaticFiles(directory=ROOT / "static", check_dir=False), name="static")
    app.include_router(api_router)
    app.include_router(worker_router)
    app.include_router(web_router)
    app.add_api_route("/healthz", healthz, methods=["GET"])
    _handle_errors(app)
    app.middleware("http")(_security_headers)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=settings.trusted_hosts)
    return app


def healthz(request: Request) -> dict[str, str]:
    """200 when the database answers."""
    with request.app.state.database.read() as session:
        session.execute(text("SELECT 1"))
    return {"status": "ok"}


async def _security_headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if not request.url.path.startswith("/static"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _is_api(request: Request) -> bool:
    return request.url.path.startswith(("/api/", "/worker/", "/healthz", "/openapi.json"))


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(AppError)
    def on_app_error(request: Request, error: AppError) -> Response:
        face = api_errors.error_json if _is_api(request) else web_errors.error_page
        return face(request, error)

    @app.exception_handler(DataError)
    def on_data(request: Request, _: DataError) -> Response:
        return on_app_error(request, Invalid("A value in the request cannot be stored or looked up; correct it."))

    @app.exception_handler(RequestValidationError)
    def on_validation(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:]) or None
        return on_app_error(request, Invalid(f"{field or 'The request'}: {first['msg']}.", field=field))

    @app.exception_handler(HTTPException)
    def on_http(request: Request, error: HTTPException) -> Response:
        if _is_api(request):
            return api_errors.http_json(error)
        return (
            web_errors.not_found_page(request)
            if error.status_code == 404
            else web_errors.error_page(request, _as_app_error(error))
        )

    @app.exception_handler(Exception)
    def on_crash(request: Request, error: Exception) -> Response:
        log.exception("unhandled error at %s %s", request.method, request.url.path, exc_info=error)
        return api_errors.crash_json() if _is_api(request) else web_errors.crash_page(request)


def _as_app_error(error: HTTPException) -> AppError:
    wrapped = AppError(str(error.detail))
    wrapped.status = error.status_code
    return wrapped
