"""AppError -> an HTML page, or one line of JSON for the page's own scripts."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from app.core.errors import AppError, NotFound
from app.web.render import page

TITLES = {
    401: "Sign in first",
    403: "Not allowed",
    404: "Nothing here",
    409: "That can't be done now",
    412: "Somebody was faster",
    413: "Too large",
    422: "Something is missing or wrong",
}


def error_page(request: Request, error: AppError) -> Response:
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"error": error.code, "detail": error.detail, "field": error.field}, error.status)
    return page(
        request,
        "errors/error.html",
        status=error.status,
        title=TITLES.get(error.status, "Error"),
        detail=error.detail,
        field=error.field,
        back=_back(request),
    )


def not_found_page(request: Request) -> Response:
    return error_page(request, NotFound())


def crash_page(request: Request) -> Response:
    return page(
        request,
        "errors/error.html",
        status=500,
        title="Something broke on our side",
        field=None,
        back=None,
        detail="It was written to the server's log. What you typed is still in your browser: go back to it.",
    )


def _back(request: Request) -> str | None:
    """The page that sent the form, when it is one of ours."""
    if request.method == "GET":
        return None
    came = urlsplit(request.headers.get("referer", ""))
    return came.path + (f"?{came.query}" if came.query else "") if came.netloc == request.url.netloc else None
