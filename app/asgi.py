"""The application as uvicorn's processes serve it. Light to import: each of them first sees to its own end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.process.parent_death import end_with_parent

if TYPE_CHECKING:
    from fastapi import FastAPI


def serve() -> FastAPI:
    """The application of the web command, in one of its processes."""
    end_with_parent()  # before all that takes time: until then it outlives a parent that is killed, and holds the port
    from app.main import create_app

    return create_app()
