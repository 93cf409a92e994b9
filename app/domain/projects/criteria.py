"""The criteria that a review rates, each with anchored levels. Pure."""

from __future__ import annotations

from typing import Any

from app.core.errors import Invalid

LEVELS = ("1", "2", "3", "4", "5")
MAX_CRITERIA = 12
LENGTHS = {"name": 60, "question": 500, "level": 500, "good": 2000, "bad": 2000}
"""Characters."""

DEFAULT: list[dict[str, Any]] = [
    {"name": "accuracy", "question": "Is the answer correct?",
     "levels": {"1": "Wrong or harmful", "2": "Mostly wrong", "3": "Mostly correct, one error",
                "4": "Correct, one imprecision", "5": "Correct and complete"},
     "good": "Gives the one correct answer from the answer key.",
     "bad": "Gives an answer that a neighboring case would need."},
    {"name": "relevance", "question": "Does the pair belong to this task?",
     "levels": {"1": "Another task", "2": "Only touches the task", "3": "Belongs, but is unlikely",
                "4": "Belongs", "5": "Common or important case"},
     "good": "A request that users really send.",
     "bad": "Small talk, or a request for another service."},
    {"name": "guideline", "question": "Does it follow the guideline?",
     "levels": {"1": "Breaks a rule", "2": "Partly breaks a rule", "3": "Follows rules, not style",
                "4": "Follows rules and style", "5": "A model example"},
     "good": "Follows the rules for form, wording and privacy.",
     "bad": "Names a real person, or answers with a sentence where a label is required."},
]  # fmt: skip


def parse(criteria: list[Any] | None, present: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Complete criteria that are given by name or in part; the defaults when there are none. Raises Invalid.

    Missing parts come from `present`, the criteria that a project has already, or from the defaults.
    """
    if not criteria and present is None:
        return DEFAULT
    if not criteria or len(criteria) > MAX_CRITERIA:
        raise Invalid(f"A project has 1 to {MAX_CRITERIA} criteria.", field="criteria")
    known = {criterion["name"]: criterion for criterion in [*DEFAULT, *(present or [])]}
    parsed = [_criterion(item, known) for item in criteria]
    if len({criterion["name"].casefold() for criterion in parsed}) != len(parsed):
        raise Invalid("Two criteria have the same name; rename one.", field="criteria")
    return parsed


def changes(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Names of the criteria that were added, removed or reworded, and of all when their order changed."""
    old, new = ({criterion["name"]: criterion for criterion in criteria} for criteria in (before, after))
    moved = [name for name in old if name in new] != [name for name in new if name in old]
    names_by_change = {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "reworded": [name for name in new if name in old and new[name] != old[name]],
        "order": list(new) if moved else [],
    }
    return {change: names for change, names in names_by_change.items() if names}


def _criterion(item: Any, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    fields = {"name": item} if isinstance(item, str) else item
    if not isinstance(fields, dict) or not str(fields.get("name") or "").strip():
        raise Invalid("Each criterion needs a name of at most 60 characters.", field="criteria")
    name = _text(fields["name"], "name", str(fields["name"]))
    base = known.get(name, {"question": name, "levels": {level: level for level in LEVELS}, "good": "", "bad": ""})
    examples = {kind: base[kind] if fields.get(kind) is None else fields[kind] for kind in ("good", "bad")}
    return {
        "name": name,
        "question": _text(fields.get("question") or base["question"], "question", name),
        "levels": _levels(fields.get("levels") or base["levels"], name),
        **{kind: _text(text, kind, name) for kind, text in examples.items()},
    }


def _levels(levels: Any, name: str) -> dict[str, str]:
    """Level -> anchor; not every level needs an anchor. Raises Invalid."""
    if not isinstance(levels, dict) or set(levels) - set(LEVELS):
        raise Invalid(f"The levels of {name!r} must be named 1 to 5, each with an anchor.", field="criteria")
    anchors = {level: _text(levels[level], "level", name) for level in LEVELS if level in levels}
    if not any(anchors.values()):
        raise Invalid(f"Describe at least one level of {name!r}.", field="criteria")
    return {level: text for level, text in anchors.items() if text}


def _text(text: Any, part: str, name: str) -> str:
    stripped = str(text).strip()
    if len(stripped) > LENGTHS[part]:
        detail = f"The {part} of {name[:60]!r} has at most {LENGTHS[part]:,} characters."
        raise Invalid(detail, field="criteria")
    return stripped
