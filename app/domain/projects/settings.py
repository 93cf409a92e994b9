"""What an admin chose for a project: the keys of `Project.settings`, their defaults and what they may be. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.errors import Invalid
from app.domain.checks.guideline_rules import Rule, parse_rules
from app.domain.checks.registry import parse_settings

DEFAULTS: dict[str, Any] = {
    "checks": {},
    "rules": [],
    "second_opinions": 0.0,
    "gold": 0.0,
    "gold_first": 0,
    "least_for_agreement": 20,
}
SHARES = ("second_opinions", "gold")
COUNTS = {"gold_first": 50, "least_for_agreement": 1000}


def of(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """Every key with its value, the default where nothing was chosen."""
    return {**DEFAULTS, **(settings or {})}


def rules(settings: Mapping[str, Any] | None) -> tuple[Rule, ...]:
    return parse_rules(of(settings)["rules"])


def parse(given: Mapping[str, Any]) -> dict[str, Any]:
    """Checked settings. Raises Invalid that names the key."""
    if unknown := set(given) - set(DEFAULTS):
        raise Invalid(f"Unknown setting {sorted(unknown)[0]!r}; known are {', '.join(DEFAULTS)}.", field="settings")
    found = of(given)
    parse_settings(found["checks"])
    parse_rules(found["rules"])
    for name in SHARES:
        if isinstance(found[name], bool) or not isinstance(found[name], int | float) or not 0 <= found[name] <= 1:
            raise Invalid(f"{name} is a share between 0 and 1.", field=name)
    for name, most in COUNTS.items():
        if isinstance(found[name], bool) or not isinstance(found[name], int) or not 0 <= found[name] <= most:
            raise Invalid(f"{name} is a whole number between 0 and {most}.", field=name)
    return found
