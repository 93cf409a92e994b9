"""Error pages: an AppError as HTML, or as JSON for the scripts of a page."""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from app.core.errors import AppError, NotFound, TooManyRequests
from app.web.render import render

TITLES = {
    401: "Sign in required",
    403: "Not allowed",
    404: "Page not found",
    409: "Action not possible",
    412: "Edit conflict",
    400: "Bad request",
    413: "Too large",
    415: "Unsupported format",
    422: "Check your input",
    429: "Too many attempts",
    502: "Single sign-on failed",
    503: "Temporarily unavailable",
    507: "Server storage is full",
}


def error_page(request: Request, error: AppError) -> Response:
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"error": error.code, "detail": error.detail, "field": error.field}, error.status)
    response = render(
        request,
        "errors/error.html",
        status=error.status,
        title=TITLES.get(error.status, "Error"),
        detail=error.detail,
        field=error.field,
        back=_back(request),
        next=_return_path(request) if error.status == 401 else None,
    )
    if isinstance(error, TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _return_path(request: Request) -> str | None:
    """Return the page to open after sign-in."""
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    return (f"{path}?{query}" if query else path) if request.method == "GET" and path != "/" else None


def missing_page(request: Request) -> Response:
    return error_page(request, NotFound())


def crash_page(request: Request) -> Response:
    return render(
        request,
        "errors/error.html",
        status=500,
        next=None,
        title="Something went wrong",
        field=None,
        back=None,
        detail="The error was logged. Go back in your browser to return to what you typed.",
    )


def _back(request: Request) -> str | None:
    """Return the page that sent the form if it belongs to this site."""
    if request.method == "GET":
        return None
    origin, _, rest = request.headers.get("referer", "").partition("://")[2].partition("/")
    same_site = origin == request.headers.get("host") and not rest.startswith("/")
    return f"/{rest.partition('#')[0]}" if same_site else None
