"""The keys of `Project.settings`, their defaults and their allowed values. Pure."""

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
    """Every setting, with its default when it was not set."""
    return {**DEFAULTS, **(settings or {})}


def rules(settings: Mapping[str, Any] | None) -> tuple[Rule, ...]:
    return parse_rules(of(settings)["rules"])


def parse(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Check settings and add the defaults. Raises Invalid that names the key."""
    if unknown := set(settings) - set(DEFAULTS):
        raise Invalid(
            f"Unknown setting {sorted(unknown)[0]!r}; valid settings are {', '.join(DEFAULTS)}.", field="settings"
        )
    parsed = of(settings)
    parse_settings(parsed["checks"])
    parse_rules(parsed["rules"])
    for name in SHARES:
        if isinstance(parsed[name], bool) or not isinstance(parsed[name], int | float) or not 0 <= parsed[name] <= 1:
            raise Invalid(f"{name} must be between 0 and 1 (0% to 100%).", field=name)
    for name, maximum in COUNTS.items():
        if isinstance(parsed[name], bool) or not isinstance(parsed[name], int) or not 0 <= parsed[name] <= maximum:
            raise Invalid(f"{name} must be a whole number between 0 and {maximum:,}.", field=name)
    return parsed
