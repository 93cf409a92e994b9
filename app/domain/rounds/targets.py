"""Targets of a round: combinations of tags, and how many approved pairs each should get. Pure.

Reads both shapes: {"tags": {name: value, …1 to 4}, "count"} and the older {"tag", "value", "count"} of old rows and
scripts. A target without tags counts any pair of the round ("2,000 a month").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.core.errors import Invalid
from app.domain.checks.text.invisible import canonical, folded

MAX_TAGS = 4
MAX_TARGETS = 100
MAX_NAMES = 8
"""Distinct tag names in one round: each is a join in the query that counts progress."""
MAX_COUNT = 1_000_000
KEYS = {"tags", "tag", "value", "count"}


def parse(targets: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Check targets and return them in the stored shape. Raises Invalid."""
    if len(targets) > MAX_TARGETS:
        raise Invalid(f"A round has at most {MAX_TARGETS} targets; create a second round.", field="targets")
    parsed = [_target(target) for target in targets]
    keys = [_key(target) for target in parsed]
    if repeated := [target for at, target in enumerate(parsed) if keys[at] in keys[:at]]:
        raise Invalid(f"Two targets are for {label(repeated[0])}; add their counts.", field="targets")
    if len({folded(name) for target in parsed for name in target["tags"]}) > MAX_NAMES:
        raise Invalid(f"The targets of a round use at most {MAX_NAMES} different tags.", field="targets")
    return parsed


def tags_of(target: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a stored target of either shape."""
    if "tags" in target:
        return dict(target["tags"])
    return {target["tag"]: target["value"]} if "tag" in target else {}


def shown(target: Mapping[str, Any]) -> dict[str, Any]:
    """A target as the API returns it; a single tag is also given in the older shape."""
    tags = tags_of(target)
    if not tags:
        return {"count": target["count"]}
    single = dict(zip(("tag", "value"), next(iter(tags.items())), strict=True)) if len(tags) == 1 else {}
    return {**single, "tags": tags, "count": target["count"]}


def label(target: Mapping[str, Any]) -> str:
    """The target's tags as text."""
    return " × ".join(f"{name} {value}" for name, value in tags_of(target).items()) or "any pair"


def total(targets: Sequence[Mapping[str, Any]]) -> int:
    return sum(target["count"] for target in targets)


def replace_value(targets: Sequence[Mapping[str, Any]], value: str, replacement: str) -> list[dict[str, Any]]:
    """The targets with a tag value replaced everywhere."""
    return [
        {
            "tags": {name: replacement if old == value else old for name, old in tags_of(target).items()},
            "count": target["count"],
        }
        for target in targets
    ]


def _target(target: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := set(target) - KEYS:
        raise Invalid(f"A target has `tags` and `count`; {sorted(unknown)[0]!r} is unknown.", field="targets")
    count = target.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAX_COUNT:
        raise Invalid(f"A target's count must be a whole number from 1 to {MAX_COUNT:,}.", field="targets")
    if "tags" not in target and "tag" not in target and "value" not in target:
        return {"tags": {}, "count": count}
    tags = target["tags"] if "tags" in target else {target.get("tag"): target.get("value")}
    if not isinstance(tags, Mapping) or not 1 <= len(tags) <= MAX_TAGS:
        raise Invalid(
            f"`tags` must be {{name: value}} with 1 to {MAX_TAGS} entries; leave it out to count any pair.",
            field="targets",
        )
    return {"tags": _tags(tags), "count": count}


def _tags(tags: Mapping[Any, Any]) -> dict[str, str]:
    parsed = {}
    for name, value in tags.items():
        if not isinstance(name, str) or not isinstance(value, str) or not canonical(name) or not canonical(value):
            raise Invalid("Each tag of a target needs a name and a value.", field="targets")
        if len(canonical(name)) > 60 or len(canonical(value)) > 120:
            raise Invalid("A tag's name has at most 60 characters, its value at most 120.", field="targets")
        parsed[canonical(name)] = canonical(value)
    if len({folded(name) for name in parsed}) < len(tags):
        raise Invalid("A target can use each tag only once.", field="targets")
    return parsed


def _key(target: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    return frozenset((folded(name), folded(value)) for name, value in tags_of(target).items())
