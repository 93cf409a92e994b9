"""How a text is worded: few different words, hard to read. Measures for English; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.domain.checks.code.code_blocks import prose
from app.domain.checks.problem import Problem

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
VOWELS = re.compile(r"[aeiouyäöüàáâèéêìíîòóôùúû]+")
MIN_WORDS, MIN_SHARE = 30, 0.3
HARD = 30.0


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
