"""AppError -> an HTML page, or one line of JSON for the page's own scripts."""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from app.core.errors import AppError, NotFound, TooManyRequests
from app.web.render import render

TITLES = {
    401: "Sign in first",
    403: "Not allowed",
    404: "Nothing here",
    409: "That can't be done now",
    412: "Somebody was faster",
    400: "This can't be read",
    413: "Too large",
    415: "Not a form",
    422: "Something is missing or wrong",
    429: "Too many tries",
    502: "Single sign-on failed",
    503: "Try again in a moment",
    507: "The disk is full",
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
        next=_wanted(request) if error.status == 401 else None,
    )
    if isinstance(error, TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _wanted(request: Request) -> str | None:
    """The page to come back to after signing in."""
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    return (f"{path}?{query}" if query else path) if request.method == "GET" and path != "/" else None


def not_found_page(request: Request) -> Response:
    return error_page(request, NotFound())


def crash_page(request: Request) -> Response:
    return render(
        request,
        "errors/error.html",
        status=500,
        next=None,
        title="Something broke on our side",
        field=None,
        back=None,
        detail="It was written to the server's log. What you typed is still in your browser: go back to it.",
    )


def _back(request: Request) -> str | None:
    """The page that sent the form, when it is one of ours."""
    if request.method == "GET":
        return None
    origin, _, rest = request.headers.get("referer", "").partition("://")[2].partition("/")
    ours = origin == request.headers.get("host") and not rest.startswith("/")
    return f"/{rest.partition('#')[0]}" if ours else None
