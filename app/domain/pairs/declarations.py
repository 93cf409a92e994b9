"""What an author declares with the text: AI assistance, the share of pasted text, and reasons for warnings that stay.

The declarations inform reviewers; no check uses them. Parses untrusted input; pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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
MIN_REASON, MAX_REASON = 3, 500


@dataclass(frozen=True)
class Declared:
    """None means unchanged."""

    assistance: str | None = None
    pasted_share: float | None = None
    waivers: list[dict[str, str]] | None = None

    def after(self, before: Declared) -> Declared:
        return replace(before, **{name: value for name, value in vars(self).items() if value is not None})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


UNCHANGED = Declared()


def parse(
    settings: Mapping[str, str], *, assistance: Any = None, pasted_share: Any = None, waivers: Any = None
) -> Declared:
    """Return the declarations. `settings` are the project's severities by code. Raises Invalid that names the field."""
    if assistance is not None and assistance not in ASSISTANCE:
        raise Invalid(f"assistance is one of {', '.join(ASSISTANCE)}.", field="assistance")
    if pasted_share is not None:
        if not isinstance(pasted_share, int | float) or isinstance(pasted_share, bool) or not 0 <= pasted_share <= 1:
            raise Invalid("pasted_share is a number from 0 to 1.", field="pasted_share")
        pasted_share = float(pasted_share)
    return Declared(assistance, pasted_share, None if waivers is None else _waivers(waivers, settings))


def may_waive(code: str, settings: Mapping[str, str]) -> bool:
    """Return whether a warning of this code may be explained. A blocking problem must be fixed."""
    if code not in CODES:
        return False
    chosen = None if CODES[code].fixed else settings.get(code)
    return (chosen or CODES[code].severity) != "block"


def _waivers(value: Any, settings: Mapping[str, str]) -> list[dict[str, str]]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > len(CODES):
        raise Invalid("waivers is a list of {code, reason}.", field="waivers")
    reason_of: dict[str, str] = {}
    for waiver in value:
        if not isinstance(waiver, Mapping) or set(waiver) != {"code", "reason"}:
            raise Invalid("A waiver has a code and a reason.", field="waivers")
        code, reason = str(waiver["code"]), waiver["reason"]
        if code not in CODES:
            raise Invalid(f"There is no check {code[:60]!r}; choose one of {', '.join(CODES)}.", field="waivers")
        if not may_waive(code, settings):
            raise Invalid(f"{CODES[code].name}: this problem blocks, so it must be fixed.", field="waivers")
        reason_of[code] = _reason(reason)
    return [{"code": code, "reason": reason} for code, reason in sorted(reason_of.items())]


def _reason(reason: Any) -> str:
    words = " ".join(reason.split()) if isinstance(reason, str) and is_text(reason) else ""
    if not MIN_REASON <= len(words) <= MAX_REASON:
        raise Invalid(f"Explain in {MIN_REASON} to {MAX_REASON} characters why the warning stays.", field="waivers")
    return words


def reasons(waivers: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Return code -> the reason why its warnings stay."""
    return {waiver["code"]: waiver["reason"] for waiver in waivers or ()}


def unexplained(problems: Sequence[Mapping[str, Any]], waivers: Sequence[Mapping[str, str]] | None) -> int:
    """Return how many warnings the author neither fixed nor explained."""
    explained = reasons(waivers)
    return sum(problem["severity"] != "block" and problem["code"] not in explained for problem in problems)
