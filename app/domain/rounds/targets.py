"""Targets of a round: combinations of tags, and how many approved pairs each should gain. Pure.

Knows both shapes: {"tags": {name: value, …1 to 4}, "count"} and the first one, {"tag", "value", "count"}, which old
rows and old scripts hold. Without tags a target asks for any pair of the round ("2,000 a month").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.core.errors import Invalid
from app.domain.checks.text.invisible import canonical, folded

MAX_TAGS = 4
MAX_TARGETS = 100
MAX_NAMES = 8
"""Distinct tag names of one round: each is a join when its progress is counted."""
MAX_COUNT = 1_000_000
KEYS = {"tags", "tag", "value", "count"}


def parse(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Checked targets in the stored shape. Raises Invalid that says what a target is."""
    if len(given) > MAX_TARGETS:
        raise Invalid(f"A round has at most {MAX_TARGETS} targets; open a second one.", field="targets")
    found = [_one(target) for target in given]
    keys = [_key(target) for target in found]
    if twice := [target for at, target in enumerate(found) if keys[at] in keys[:at]]:
        raise Invalid(f"Two targets ask for {words(twice[0])}; add their counts.", field="targets")
    if len({folded(name) for target in found for name in target["tags"]}) > MAX_NAMES:
        raise Invalid(f"The targets of a round name at most {MAX_NAMES} different tags.", field="targets")
    return found


def tags_of(target: Mapping[str, Any]) -> dict[str, str]:
    """The combination that a stored target asks for, whichever shape it has."""
    if "tags" in target:
        return dict(target["tags"])
    return {target["tag"]: target["value"]} if "tag" in target else {}


def shown(target: Mapping[str, Any]) -> dict[str, Any]:
    """As scripts read it: one tag alone is also named the way it was before combinations came."""
    tags = tags_of(target)
    if not tags:
        return {"count": target["count"]}
    alone = dict(zip(("tag", "value"), next(iter(tags.items())), strict=True)) if len(tags) == 1 else {}
    return {**alone, "tags": tags, "count": target["count"]}


def words(target: Mapping[str, Any]) -> str:
    """The slice as a person says it."""
    return " × ".join(f"{name} {value}" for name, value in tags_of(target).items()) or "any pair"


def total(targets: Sequence[Mapping[str, Any]]) -> int:
    return sum(target["count"] for target in targets)


def without(targets: Sequence[Mapping[str, Any]], value: str, instead: str) -> list[dict[str, Any]]:
    """The targets with a tag's value replaced wherever it stands."""
    return [
        {
            "tags": {name: instead if one == value else one for name, one in tags_of(target).items()},
            "count": target["count"],
        }
        for target in targets
    ]


def _one(target: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := set(target) - KEYS:
        raise Invalid(f"A target has `tags` and `count`; {sorted(unknown)[0]!r} is unknown.", field="targets")
    count = target.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAX_COUNT:
        raise Invalid(f"A target's count is a whole number from 1 to {MAX_COUNT:,}.", field="targets")
    if "tags" not in target and "tag" not in target and "value" not in target:
        return {"tags": {}, "count": count}
    tags = target["tags"] if "tags" in target else {target.get("tag"): target.get("value")}
    if not isinstance(tags, Mapping) or not 1 <= len(tags) <= MAX_TAGS:
        raise Invalid(
            f"`tags` is {{name: value}} with 1 to {MAX_TAGS} entries; leave it out to ask for any pair.",
            field="targets",
        )
    return {"tags": _tags(tags), "count": count}


def _tags(tags: Mapping[Any, Any]) -> dict[str, str]:
    found = {}
    for name, value in tags.items():
        if not isinstance(name, str) or not isinstance(value, str) or not canonical(name) or not canonical(value):
            raise Invalid("Each tag of a target has a name and a value.", field="targets")
        if len(canonical(name)) > 60 or len(canonical(value)) > 120:
            raise Invalid("A tag's name has at most 60 characters, its value at most 120.", field="targets")
        found[canonical(name)] = canonical(value)
    if len({folded(name) for name in found}) < len(tags):
        raise Invalid("A target names each tag once.", field="targets")
    return found


def _key(target: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    return frozenset((folded(name), folded(value)) for name, value in tags_of(target).items())
