"""The form that a page posted, with its fields as texts and numbers."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData

from app.core.errors import Invalid


class Form(FormData):
    """A field that the form lacks, and a file, is the empty text."""

    def text(self, name: str) -> str:
        """Return a field without the spaces around it."""
        return self.raw(name).strip()

    def raw(self, name: str) -> str:
        value = self.get(name)
        return value if isinstance(value, str) else ""

    def texts(self, *names: str) -> dict[str, str]:
        return {name: self.text(name) for name in names}

    def every(self, name: str) -> list[str]:
        """Return all values of a field that the form has several times."""
        return [str(value) for value in self.getlist(name)]

    def prefixed(self, prefix: str) -> dict[str, str]:
        """Return the fields whose name begins with `prefix`, by the rest of the name, without the empty ones."""
        fields = (
            (name.removeprefix(prefix), str(value)) for name, value in self.multi_items() if name.startswith(prefix)
        )
        return {name: value for name, value in fields if value.strip()}

    def number(self, name: str, kind: type[float] | type[int] = float) -> Any:
        """Return a number, None when the field is empty. Raises Invalid."""
        raw = self.text(name)
        if not raw:
            return None
        try:
            return kind(raw.replace(",", "."))
        except ValueError:
            raise Invalid(f"{raw!r} is not a number.", field=name) from None
