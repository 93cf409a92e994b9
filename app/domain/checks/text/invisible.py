"""Characters that nobody sees: what a reviewer cannot read, a model still learns. Pure.

Direction overrides and tag characters can hide whole sentences and block; others warn. Left alone are joiners where
they shape a script or an emoji, direction marks beside right-to-left text, and the three flags written with tags.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.checks.problem import Problem, Severity

MAX_MATCHES = 20
MAX_CHARACTERS = 200_000
DIRECTION = "\u202a-\u202e\u2066-\u2069"
TAGS = "\U000e0000-\U000e007f"
SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
OTHERS = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f\u3164"
    "\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"
)
FLAGS = tuple(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(c)) for c in name) + "\U000e007f" for name in ("gbeng", "gbsct", "gbwls")
)
FLAG = re.compile("|".join(FLAGS))
HIDDEN = re.compile(f"[{DIRECTION}]+|[{TAGS}]+|[{SELECTORS}]{{2,}}|[\U000e0100-\U000e01ef]|[{OTHERS}]")
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
JOINED = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\u1a00-\u1aff\u1b00-\u1bff\ua840-\ua8ff\ua900-\uabff"
    "\ufb50-\ufdff\ufe70-\ufefc\U00010a00-\U00011fff\U0001e900-\U0001e95f]"
)
JOINERS, MARKS, MONGOLIAN = "\u200c\u200d", "\u200e\u200f\u061c", "\u180b\u180c\u180d\u180e\u180f"
EMOJI = re.compile("[\u203c-\u3299\ufe0f\u20e3\U0001f000-\U0001faff]")


@dataclass(frozen=True)
class Hidden:
    """A run of characters that do not show, [start, end) of the text."""

    start: int
    end: int
    severity: Severity
    name: str


def find(text: str) -> Iterator[Hidden]:
    """Every hidden run in order of appearance. Linear in the text."""
    if text.isascii():
        return
    flags = {match.start() + 1 for match in FLAG.finditer(text)}
    mirrored = RIGHT_TO_LEFT.search(text) is not None
    for match in HIDDEN.finditer(text):
        if match.start() not in flags and not _belongs(text, match, mirrored):
            yield Hidden(*match.span(), _severity(match.group()), describe(match.group()[0]))


def _belongs(text: str, match: re.Match[str], mirrored: bool) -> bool:
    """Whether the character does its proper work where it stands."""
    run, before, after = match.group(), text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    if run in JOINERS:
        shapes = bool(JOINED.match(before)) and (not after or bool(JOINED.match(after)) or run == "\u200c")
        return shapes or (run == "\u200d" and bool(EMOJI.match(before)) and bool(EMOJI.match(after)))
    if run in MARKS:
        return mirrored
    if run in MONGOLIAN:
        return "\u1800" <= before <= "\u18af"
    if len(run) == 1 and "\U000e0100" <= run <= "\U000e01ef":
        return bool(before) and unicodedata.category(before) == "Lo"
    return run == "\ufeff" and match.start() == 0 and len(text) == 1


def _severity(run: str) -> Severity:
    first = run[0]
    hides = re.match(f"[{DIRECTION}{TAGS}]", first) is not None or (len(run) > 1 and re.match(f"[{SELECTORS}]", first))
    return "block" if hides else "warn"


def describe(character: str) -> str:
    """U+202E RIGHT-TO-LEFT OVERRIDE"""
    name = unicodedata.name(character, "private use" if unicodedata.category(character) == "Co" else "no name")
    return f"U+{ord(character):04X} {name}"


def check_invisible(field: str, text: str) -> Iterator[Problem]:
    """A problem for each of the first twenty hidden runs."""
    for number, hidden in enumerate(find(text[:MAX_CHARACTERS])):
        if number == MAX_MATCHES:
            return
        count = hidden.end - hidden.start
        shown = hidden.name if count == 1 else f"{count} characters from {hidden.name}"
        words = "can hide text from a reader; delete it" if hidden.severity == "block" else "does not show; delete it"
        span = (hidden.start, hidden.end)
        yield Problem("hidden_character", f"{shown} {words}.", field, span, severity=hidden.severity)


def canonical(name: str) -> str:
    """A name as it is visible: NFC, nothing invisible, single spaces. Two names are one when these fold to the same."""
    if name.isascii() and name.isprintable():  # nearly every name
        return " ".join(name.split())
    visible = "".join(
        character
        for character in unicodedata.normalize("NFC", name)
        if unicodedata.category(character) not in ("Cf", "Cc", "Cs")
    )
    return unicodedata.normalize("NFC", " ".join(visible.split()))


def folded(name: str) -> str:
    """What two names are compared by."""
    if name.isascii():
        return canonical(name).lower()
    return unicodedata.normalize("NFC", canonical(name).casefold())
