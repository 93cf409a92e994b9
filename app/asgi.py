"""Application factory of uvicorn's processes. Imports little, so that a process ties itself to its parent first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.process import end_with_parent

if TYPE_CHECKING:
    from fastapi import FastAPI


def serve() -> FastAPI:
    """Create the application in one process of the web command."""
    end_with_parent()  # before the slow imports: until then the process outlives a killed parent and holds the port
    from app.main import create_app

    return create_app()
