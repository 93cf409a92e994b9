"""Problem: what a check found, where, and how to fix it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["block", "warn"]
By = Literal["wording", "meaning", "subject"]


@dataclass(frozen=True)
class Neighbor:
    """A pair that resembles the one being checked.

    `similarity` is 0 to 1: the Jaccard similarity of character 5-grams (by wording), the probability that both ask the
    same (by meaning), or their cosine (by subject).
    """

    pair: str
    revision: str
    similarity: float
    prompt: str
    completion: str
    state: str
    by: By = "wording"


@dataclass(frozen=True)
class Fix:
    """A one-click fix: replaces the characters [start, end) of the field by `replacement`."""

    span: tuple[int, int]
    replacement: str


@dataclass(frozen=True)
class Problem:
    """`span` is [start, end) in characters of the field's text, or None for the whole of it.

    `kind` divides a code further ("pii" into "email", "phone", …), so that a project can set one kind apart.
    """

    code: str
    message: str
    field: str = "prompt"
    span: tuple[int, int] | None = None
    neighbours: tuple[Neighbor, ...] = ()
    kind: str = ""
    fix: Fix | None = None
    severity: Severity = "warn"

    def as_dict(self) -> dict[str, Any]:
        data = asdict(self)
        data["span"] = list(self.span) if self.span else None
        if self.fix:
            data["fix"]["span"] = list(self.fix.span)
        data["neighbours"] = list(data["neighbours"])
        return data
