"""What an author declares beside the text: help that was used, the share of pasted text, and why a warning stays.

Facts for the reader, never judged by the machine; parses hostile input. Pure: a project's settings are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.core.errors import Invalid
from app.domain.checks.registry import CODES
from app.domain.pairs.content import is_text

ASSISTANCE = {
    "none": "None",
    "spelling": "Spelling and grammar",
    "rephrased": "Rephrased by a tool",
    "drafted": "Drafted by a model",
    "translated": "Translated by a tool",
}
LEAST, MOST = 3, 500


@dataclass(frozen=True)
class Declared:
    """None means: as before."""

    assistance: str | None = None
    pasted_share: float | None = None
    waivers: list[dict[str, str]] | None = field(default=None)

    def after(self, before: Declared) -> Declared:
        return Declared(
            before.assistance if self.assistance is None else self.assistance,
            before.pasted_share if self.pasted_share is None else self.pasted_share,
            before.waivers if self.waivers is None else self.waivers,
        )

    def as_dict(self) -> dict[str, Any]:
        return {"assistance": self.assistance, "pasted_share": self.pasted_share, "waivers": self.waivers}


def parse(
    settings: Mapping[str, str], *, assistance: Any = None, pasted_share: Any = None, waivers: Any = None
) -> Declared:
    """`settings` are the project's severities by code. Raises Invalid that names the field."""
    if assistance is not None and assistance not in ASSISTANCE:
        raise Invalid(f"assistance is one of {', '.join(ASSISTANCE)}.", field="assistance")
    if pasted_share is not None and not _is_share(pasted_share):
        raise Invalid("pasted_share is a share between 0 and 1.", field="pasted_share")
    kept = None if waivers is None else _waivers(waivers, settings)
    return Declared(assistance, None if pasted_share is None else float(pasted_share), kept)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def may_waive(code: str, settings: Mapping[str, str]) -> bool:
    """Whether a warning of this code may be kept. What blocks in the project is mended, never explained away."""
    return code in CODES and (CODES[code].severity if CODES[code].fixed else _level(code, settings)) != "block"


def _level(code: str, settings: Mapping[str, str]) -> str:
    return settings.get(code) or CODES[code].severity


def _waivers(given: Any, settings: Mapping[str, str]) -> list[dict[str, str]]:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > len(CODES):
        raise Invalid("waivers is a list of {code, reason}.", field="waivers")
    kept: dict[str, str] = {}
    for one in given:
        if not isinstance(one, Mapping) or set(one) != {"code", "reason"}:
            raise Invalid("A waiver has a code and a reason.", field="waivers")
        code, reason = str(one["code"]), one["reason"]
        if code not in CODES:
            raise Invalid(f"There is no check {code[:60]!r}; choose one of {', '.join(CODES)}.", field="waivers")
        if not may_waive(code, settings):
            raise Invalid(f"{CODES[code].name}: this blocks, so it is mended and not kept.", field="waivers")
        kept[code] = _reason(reason)
    return [{"code": code, "reason": reason} for code, reason in sorted(kept.items())]


def _reason(reason: Any) -> str:
    said = " ".join(reason.split()) if isinstance(reason, str) and is_text(reason) else ""
    if not LEAST <= len(said) <= MOST:
        raise Invalid(f"Say in {LEAST} to {MOST} characters why the warning stays.", field="waivers")
    return said


def reasons(waivers: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """code -> why its warnings stay."""
    return {one["code"]: one["reason"] for one in waivers or ()}


def unexplained(problems: Sequence[Mapping[str, Any]], waivers: Sequence[Mapping[str, str]] | None) -> int:
    """How many warnings the author neither mended nor gave a reason for."""
    kept = reasons(waivers)
    return sum(problem["severity"] != "block" and problem["code"] not in kept for problem in problems)
