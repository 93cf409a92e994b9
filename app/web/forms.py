"""Form errors: what a route does when the user can fix the form and send it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.core.errors import AppError


@dataclass
class FormResult:
    """`error` is the reason the form was rejected; the route then shows the form again with the values typed."""

    error: AppError | None = None


@contextmanager
def form_errors(*statuses: int) -> Iterator[FormResult]:
    """Catch an AppError with one of `statuses` (409 and 422 by default); let any other error through."""
    result = FormResult()
    try:
        yield result
    except AppError as error:
        if error.status not in (statuses or (409, 422)):
            raise
        result.error = error
