"""Every problem code with its name and default severity, and which of them a project may change. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.core.errors import Invalid
from app.domain.checks.pii.redaction import KINDS
from app.domain.checks.problem import Problem

Level = Literal["block", "warn", "off"]
LEVELS = ("block", "warn", "off")


@dataclass(frozen=True)
class Check:
    """`severity` is the default. `fixed`: no project may change it."""

    name: str
    severity: Level
    fixed: bool = False


CODES: dict[str, Check] = {
    "empty": Check("Empty prompt or completion", "block", fixed=True),
    "secret": Check("Key, token, or other secret", "block", fixed=True),
    "too_long": Check("Text too long to store", "block", fixed=True),
    "control_character": Check("Control character", "block", fixed=True),
    "hidden_character": Check("Hidden character", "warn", fixed=True),
    "echo": Check("Completion equals the prompt", "block"),
    "duplicate": Check("Duplicate pair", "block"),
    "near_duplicate": Check("Near-duplicate prompt", "warn"),
    "same_meaning": Check("Paraphrase of another prompt", "warn"),
    "contradiction": Check("Contradicts a similar pair", "warn"),
    "irrelevant": Check("Off-topic (outlier)", "warn"),
    "pii": Check("Personal data", "warn"),
    "guideline": Check("Guideline rule", "warn"),
    "language": Check("Unexpected language", "warn"),
    "code": Check("Code syntax error", "warn"),
    "sql_risk": Check("Risky SQL", "warn"),
    "too_short": Check("One-word prompt", "warn"),
    "few_words": Check("Repetitive prompt", "warn"),
    "chat_markup": Check("Leftover chat markup", "warn"),
    "template": Check("Unfilled placeholder", "warn"),
    "unfinished": Check("Truncated completion", "warn"),
    "unclosed_fence": Check("Unclosed code block", "warn"),
    "unclosed_bracket": Check("Unclosed bracket", "warn"),
    "partial_echo": Check("Completion repeats the prompt", "warn"),
    "repetition": Check("Completion repeats itself", "warn"),
    "boilerplate": Check("Chat assistant boilerplate", "warn"),
    "filler": Check("Filler phrase", "warn"),
    "refusal": Check("Completion refuses", "warn"),
    "no_number": Check("Missing number", "warn"),
    "arithmetic": Check("Arithmetic error", "warn"),
    "too_many_tokens": Check("Exceeds model context", "warn"),
    "hard_to_read": Check("Hard to read (English)", "off"),
}


def parse_settings(settings: Any) -> dict[str, Level]:
    """A project's {code or "pii.kind": "block" | "warn" | "off"}. Raises Invalid that names the entry."""
    if not isinstance(settings, Mapping) or len(settings) > 200:
        raise Invalid("Send an object that maps each check to a severity.", field="checks")
    return {str(code): _level(str(code), level) for code, level in settings.items()}


def _level(code: str, level: Any) -> Level:
    name, _, kind = code.partition(".")
    if name not in CODES or (kind and (name != "pii" or kind not in KINDS)):
        raise Invalid(f"There is no check {code[:60]!r}; choose one of {', '.join(CODES)}.", field="checks")
    if CODES[name].fixed:
        raise Invalid(f"{CODES[name].name}: this check cannot be changed; leave {name!r} out.", field="checks")
    if level not in LEVELS:
        raise Invalid(f"{code}: choose {', '.join(LEVELS)}.", field="checks")
    return "block" if level == "block" else "warn" if level == "warn" else "off"


def apply(problems: Iterable[Problem], settings: Mapping[str, str]) -> Iterator[Problem]:
    """Yield each problem with the project's severity. Checks that are off are left out; fixed ones keep theirs."""
    for problem in problems:
        if (level := level_of(problem, settings)) != "off":
            yield replace(problem, severity="block" if level == "block" else "warn")


def level_of(problem: Problem, settings: Mapping[str, str]) -> str:
    """A setting for the kind wins over one for the code, and that over the default. Unknown levels are ignored."""
    check = CODES.get(problem.code)
    if check and check.fixed:
        return problem.severity
    for key in (f"{problem.code}.{problem.kind}", problem.code):
        if settings.get(key) in LEVELS:
            return settings[key]
    return "off" if check and check.severity == "off" else problem.severity


def name_of(code: str) -> str:
    """Return the display name of a check, or the code itself if no such check exists any more."""
    return CODES[code].name if code in CODES else code
