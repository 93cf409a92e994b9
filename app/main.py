"""create_app(): the only place where all parts of the web application are connected."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from fastapi.staticfiles import StaticFiles
from sqlalchemy import text

from app.api.routes import router as api_router
from app.api.worker import router as worker_router
from app.bootstrap import ROOT, open_installation
from app.core.jobs import LeaseMonitor
from app.core.rate_limits import Limits
from app.http import route_permissions
from app.http.exception_handlers import handle_errors
from app.http.middleware import Application
from app.http.transactions import WriterSemaphore
from app.settings import Settings
from app.web import errors as error_pages
from app.web.routes import router as web_router

ROUTERS = APIRouter()
"""The routes of all interfaces. FastAPI resolves the dependencies of routes at each inclusion, which takes a third of a
second. Here this happens once per process and not once per application."""
for router in (api_router, worker_router, web_router):
    ROUTERS.include_router(router)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Create the application with its database, storage, routes and error handlers."""
    settings, database, storage = open_installation(settings)
    app = Application(title="Preceptor", version="0.1.0", docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.error_pages = error_pages
    app.state.database = database
    app.state.writers = WriterSemaphore()
    app.state.limits = Limits(database)
    app.state.storage = storage
    app.state.watch = LeaseMonitor(settings.lease_seconds)
    app.mount("/static", StaticFiles(directory=ROOT / "static", check_dir=False), name="static")
    app.router.routes += ROUTERS.routes
    app.add_api_route("/healthz", healthz, methods=["GET"])
    route_permissions.check(app.routes)
    handle_errors(app)
    return app


def healthz(request: Request) -> dict[str, str]:
    """Answer 200 when the database responds."""
    with request.app.state.database.read() as session:
        session.execute(text("SELECT 1"))
    return {"status": "ok"}
