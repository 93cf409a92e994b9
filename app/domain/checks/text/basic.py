"""Checks of a text's form: emptiness, length, echo, leftovers, few different words, hard to read (English). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.domain.checks.code.code_blocks import prose
from app.domain.checks.problem import Problem, Severity

MAX_CHARACTERS = 32_000
MARKUP = re.compile(r"<\|[a-z_]{2,20}\|>|\[/?INST\]|<</?SYS>>|^(?:### )?(?:Human|Assistant|User):", re.MULTILINE)
TEMPLATE = re.compile(
    r"\{\{[^{}]{0,80}\}\}|\[(?:insert|your|todo)[^\]]{0,60}\]|\bTODO\b|\blorem ipsum\b", re.IGNORECASE
)
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
VOWELS = re.compile(r"[aeiouyäöüàáâèéêìíîòóôùúû]+")
MIN_WORDS, MIN_SHARE = 30, 0.3
HARD = 30.0


def check_text(prompt: str, completion: str, task: str = "generation") -> Iterator[Problem]:
    """Problems of one prompt and its completion. In code, braces and TODO are no leftovers."""
    for name, text in (("prompt", prompt), ("completion", completion)):
        for problem in _check_field(name, text):
            if not (task == "code" and name == "completion" and problem.code == "template"):
                yield problem
    if prompt.strip() and prompt.strip().casefold() == completion.strip().casefold():
        yield Problem("echo", "The completion repeats the prompt; write the answer.", "completion", severity="block")


def _check_field(name: str, text: str) -> Iterator[Problem]:
    if not text.strip():
        yield Problem("empty", f"The {name} is empty; write it.", name, severity="block")
        return
    if len(text) > MAX_CHARACTERS:
        words = f"The {name} has {len(text)} characters; at most {MAX_CHARACTERS}."
        yield Problem("too_long", words, name, severity="block")
    if name == "prompt" and len(text.split()) < 2:
        yield Problem("too_short", "The prompt is a single word; give the model a realistic request.", name)
    for pattern, code, words in (
        (MARKUP, "chat_markup", "looks like leftover chat markup; delete it"),
        (TEMPLATE, "template", "looks like a placeholder; fill it in"),
        (CONTROL, "control_character", "is an invisible control character; delete it"),
    ):
        if match := pattern.search(text):
            severity: Severity = "block" if code == "control_character" else "warn"
            yield Problem(code, f"{match.group()!r} {words}.", name, match.span(), severity=severity)


def check_vocabulary(prompt: str) -> Iterator[Problem]:
    """A warning for a prompt that says one thing over and over."""
    words = [word.casefold() for word in WORD.findall(prose(prompt))]
    if len(words) >= MIN_WORDS and len(set(words[:200])) < MIN_SHARE * len(words[:200]):
        yield Problem("few_words", "The prompt repeats few words; write a realistic request.", "prompt")


def check_readability(completion: str) -> Iterator[Problem]:
    """For projects that write English for laypeople; off unless a project sets it."""
    ease = reading_ease(completion)
    if ease is not None and ease < HARD:
        words = f"Reading ease is {ease:.0f} of 100 (Flesch); write shorter sentences and words."
        yield Problem("hard_to_read", words, "completion")


def reading_ease(text: str) -> float | None:
    """Flesch 1948, syllables counted as groups of vowels; None under 100 words."""
    clean = prose(text)
    words = WORD.findall(clean)
    if len(words) < 100:
        return None
    sentences = max(1, len(re.findall(r"[.!?](?=\s|$)|\n\s*\n", clean)))
    syllables = sum(max(1, len(VOWELS.findall(word.lower().removesuffix("e")))) for word in words)
    return 206.835 - 1.015 * len(words) / sentences - 84.6 * syllables / len(words)
