"""The criteria a review rates, each level anchored in words. Pure."""

from __future__ import annotations

from typing import Any

from app.core.errors import Invalid

LEVELS = ("1", "2", "3", "4", "5")

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


def parse(criteria: list[Any] | None) -> list[dict[str, Any]]:
    """Full criteria from names or partial ones; the defaults where none are given. Raises Invalid."""
    if not criteria:
        return DEFAULT
    known = {criterion["name"]: criterion for criterion in DEFAULT}
    parsed = [_criterion(item, known) for item in criteria]
    if len({criterion["name"] for criterion in parsed}) != len(parsed):
        raise Invalid("Two criteria have the same name; rename one.", field="criteria")
    return parsed


def _criterion(item: Any, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    given = {"name": item} if isinstance(item, str) else item
    if not isinstance(given, dict) or not str(given.get("name") or "").strip() or len(str(given["name"])) > 60:
        raise Invalid("Each criterion needs a name of at most 60 characters.", field="criteria")
    name = str(given["name"]).strip()
    base = known.get(name, {"question": name, "levels": {level: level for level in LEVELS}, "good": "", "bad": ""})
    levels = given.get("levels") or base["levels"]
    if not isinstance(levels, dict) or set(levels) - set(LEVELS):
        raise Invalid(f"The levels of {name!r} are named 1 to 5, each with its anchor.", field="criteria")
    return {
        "name": name,
        "question": str(given.get("question") or base["question"]),
        "levels": {level: str(text) for level, text in levels.items()},
        "good": str(given.get("good") or base["good"]),
        "bad": str(given.get("bad") or base["bad"]),
    }
