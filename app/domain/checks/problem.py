"""Problem: what a check found, where, and how to mend it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["block", "warn"]


@dataclass(frozen=True)
class Neighbour:
    """A pair that resembles the one being checked. `similarity` is Jaccard of character 5-grams, 0 to 1."""

    pair: str
    revision: str
    similarity: float
    prompt: str
    completion: str
    state: str


@dataclass(frozen=True)
class Problem:
    """`span` is [start, end) in characters of the field's text, or None for the whole of it."""

    code: str
    severity: Severity
    message: str
    field: str = "prompt"
    span: tuple[int, int] | None = None
    neighbours: tuple[Neighbour, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        found = asdict(self)
        found["span"] = list(self.span) if self.span else None
        found["neighbours"] = [asdict(neighbour) for neighbour in self.neighbours]
        return found
