"""The criteria a review rates, each level anchored in words. Pure."""

from __future__ import annotations

from typing import Any

from app.core.errors import Invalid

LEVELS = ("1", "2", "3", "4", "5")
MOST = 12
LENGTHS = {"name": 60, "question": 500, "level": 500, "good": 2000, "bad": 2000}
"""Characters."""

DEFAULT: list[dict[str, Any]] = [
    {
        "name": "accuracy",
        "question": "Is the answer right?",
        "levels": {
            "1": "Wrong or harmful",
            "2": "Mostly wrong",
            "3": "Right in the main, one error",
            "4": "Right, one imprecision",
            "5": "Right and complete",
        },
        "good": "States the one correct answer that the key gives.",
        "bad": "Gives an answer that a neighbouring case would need.",
    },
    {
        "name": "relevance",
        "question": "Does the pair belong to this task?",
        "levels": {
            "1": "Another task",
            "2": "Only touches the task",
            "3": "Belongs, but unlikely",
            "4": "Belongs",
            "5": "A frequent or weighty case",
        },
        "good": "A request of the kind that users really send.",
        "bad": "Small talk, or a request for another service.",
    },
    {
        "name": "guideline",
        "question": "Does it follow the guideline?",
        "levels": {
            "1": "Breaks a rule",
            "2": "Breaks a rule in part",
            "3": "Keeps rules, not style",
            "4": "Follows rules and style",
            "5": "A model example",
        },
        "good": "The form, the wording and the privacy rules are kept.",
        "bad": "Names a real person, or wraps the answer in a sentence where a label is asked.",
    },
]


def parse(criteria: list[Any] | None, present: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Full criteria from names or partial ones; the defaults where none are given. Raises Invalid.

    What one does not say stays as in `present`, the criteria that a project has already, or as by default.
    """
    if not criteria and present is None:
        return DEFAULT
    if not criteria or len(criteria) > MOST:
        raise Invalid(f"A pair is rated for 1 to {MOST} criteria.", field="criteria")
    known = {criterion["name"]: criterion for criterion in [*DEFAULT, *(present or [])]}
    parsed = [_criterion(item, known) for item in criteria]
    if len({criterion["name"].casefold() for criterion in parsed}) != len(parsed):
        raise Invalid("Two criteria have the same name; rename one.", field="criteria")
    return parsed


def changes(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Names of the criteria that were added, removed or worded anew, and all where they are in another order now."""
    old, new = ({one["name"]: one for one in some} for some in (before, after))
    moved = [name for name in old if name in new] != [name for name in new if name in old]
    found = {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "reworded": [name for name in new if name in old and new[name] != old[name]],
        "order": list(new) if moved else [],
    }
    return {kind: names for kind, names in found.items() if names}


def _criterion(item: Any, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    given = {"name": item} if isinstance(item, str) else item
    if not isinstance(given, dict) or not str(given.get("name") or "").strip():
        raise Invalid("Each criterion needs a name of at most 60 characters.", field="criteria")
    name = _text(given["name"], "name", str(given["name"]))
    base = known.get(name, {"question": name, "levels": {level: level for level in LEVELS}, "good": "", "bad": ""})
    examples = {kind: base[kind] if given.get(kind) is None else given[kind] for kind in ("good", "bad")}
    return {
        "name": name,
        "question": _text(given.get("question") or base["question"], "question", name),
        "levels": _levels(given.get("levels") or base["levels"], name),
        **{kind: _text(text, kind, name) for kind, text in examples.items()},
    }


def _levels(levels: Any, name: str) -> dict[str, str]:
    """Level -> anchor; not every level needs one."""
    if not isinstance(levels, dict) or set(levels) - set(LEVELS):
        raise Invalid(f"The levels of {name!r} are named 1 to 5, each with its anchor.", field="criteria")
    anchors = {level: _text(levels[level], "level", name) for level in LEVELS if level in levels}
    if not any(anchors.values()):
        raise Invalid(f"Say what the levels of {name!r} mean, one of them at least.", field="criteria")
    return {level: text for level, text in anchors.items() if text}


def _text(text: Any, part: str, name: str) -> str:
    found = str(text).strip()
    if len(found) > LENGTHS[part]:
        words = f"The {part} of {name[:60]!r} has at most {LENGTHS[part]} characters."
        raise Invalid(words, field="criteria")
    return found
