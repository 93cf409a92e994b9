"""Domain errors, each with its HTTP status number. One handler for pages, one JSON shape. Knows no HTTP library."""

from __future__ import annotations

from typing import Any


class AppError(Exception):
    """An error that the user can fix. `detail` says how."""

    status = 400
    code = "error"
    denied = False

    def __init__(
        self, detail: str, *, field: str | None = None, code: str | None = None, denied: bool | None = None
    ) -> None:
        """`denied` marks an error that the audit log records."""
        super().__init__(detail)
        self.detail = detail
        self.field = field
        if denied is not None:
            self.denied = denied
        if code:
            self.code = code


class Unauthorized(AppError):
    status, code = 401, "unauthorized"


class Forbidden(AppError):
    status, code, denied = 403, "forbidden", True


class NotFound(AppError):
    status, code = 404, "not_found"

    def __init__(self, detail: str = "This page doesn't exist, or you don't have access to it.", **kwargs: Any) -> None:
        super().__init__(detail, **kwargs)


class Conflict(AppError):
    status, code = 409, "conflict"


class PreconditionFailed(AppError):
    status, code = 412, "stale"


class TooLarge(AppError):
    status, code = 413, "too_large"


class Invalid(AppError):
    status, code = 422, "invalid"


class TooManyRequests(AppError):
    status, code = 429, "too_many_requests"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        """`retry_after`: whole seconds until another try is allowed."""
        super().__init__(detail)
        self.retry_after = retry_after


class StorageFull(AppError):
    status, code = 507, "storage_full"

    def __init__(self) -> None:
        super().__init__(
            "The disk is full, so nothing was saved; what was saved before is safe and can be read. Free some space, "
            "then send it again."
        )


class Unavailable(AppError):
    """The database is unreachable or busy; the same request may succeed in `retry_after` seconds."""

    status, code = 503, "unavailable"
    retry_after = 5
