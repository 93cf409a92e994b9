"""Where a comment is anchored: the fields of a revision, and a quote located in this text and in later ones. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from typing import Any, NamedTuple

from app.core.errors import Conflict, Invalid
from app.domain.pairs import content as pair_content

WHOLE = "pair"
MIN_SIMILARITY = 0.6
SHORT_TEXT, SHORT_QUOTE = 4_000, 80
MAX_QUOTE = 2_000
WORD = re.compile(r"\w+|[^\w\s]")


class Span(NamedTuple):
    start: int
    end: int


@dataclass(frozen=True)
class CommentAnchor:
    """Where a comment belongs. Without `quote` it is on the whole field; without `start` the quote is searched for."""

    field: str = WHOLE
    revision: str | None = None
    quote: str = ""
    start: int | None = None
    end: int | None = None
    nth: int | None = None


def fields(revision: Any) -> dict[str, str | None]:
    """Field -> its text; None when the field has no text to quote. `messages.0` is the first message."""
    texts: dict[str, str | None] = {WHOLE: None}
    texts |= {f"messages.{at}": message["content"] for at, message in enumerate(revision.messages)}
    texts |= {f"context.{at}": document["text"] for at, document in enumerate(revision.context)}
    return {**texts, "tags": None, "source": revision.source, "licence": revision.licence}


def name(field: str, messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the name of a field on the pages."""
    kind, _, number = field.partition(".")
    if not number:
        return {WHOLE: "Whole pair", "licence": "License"}.get(field, kind.capitalize())
    at = int(number)
    if kind == "context":
        return f"Context document {at + 1}"
    return pair_content.turn_name(messages, at) if at < len(messages) else f"Turn {at + 1}"


def locate(texts: Mapping[str, str | None], anchor: CommentAnchor) -> Span | None:
    """Locate the anchor in the fields of a revision; None for a whole field. Raises Invalid, Conflict."""
    if anchor.field not in texts:
        raise Invalid(f"The field must be one of {', '.join(texts)}.", field="field")
    text = texts[anchor.field]
    if anchor.start is None and anchor.end is None and not anchor.quote:
        return None
    if text is None or len(anchor.quote) > MAX_QUOTE:
        raise Invalid(f"Quote at most {MAX_QUOTE:,} characters of one field.", field="quote")
    if anchor.start is None and anchor.end is None:
        span = find(anchor.quote, text, nth=anchor.nth)
        if span is None:
            raise Conflict("The quoted text is not in this field; quote it again or leave it out.", field="quote")
        return span
    if anchor.start is None or anchor.end is None or not 0 <= anchor.start < anchor.end <= len(text):
        raise Invalid(f"start and end are character positions in the field, from 0 to {len(text)}.", field="start")
    if text[anchor.start : anchor.end] != anchor.quote:
        raise Conflict("The quoted text is not at this position; reload the page and quote it again.", field="quote")
    return Span(anchor.start, anchor.end)


def find(quote: str, text: str, *, near: int = 0, nth: int | None = None) -> Span | None:
    """Find the quote in the text: the `nth` exact match or the one nearest to `near`; else the most similar text."""
    exact = [match.start() for match in re.finditer(re.escape(quote), text)] if quote else []
    if exact:
        chosen = exact[nth] if nth is not None and nth < len(exact) else min(exact, key=lambda at: abs(at - near))
        return Span(chosen, chosen + len(quote))
    return _similar_by_words(quote, text) or _similar_by_letters(quote, text)


def _similar_by_words(quote: str, text: str) -> Span | None:
    """Search around the longest run of common words; None when fewer than MIN_SIMILARITY of the quote's words match."""
    wanted, words = WORD.findall(quote), list(WORD.finditer(text))
    if not wanted or not words:
        return None
    there = [word.group() for word in words]
    run = SequenceMatcher(None, there, wanted, autojunk=False).find_longest_match()
    slack = max(2, len(wanted) // 5)
    first = max(0, run.a - run.b - slack)
    window = there[first : run.a - run.b + len(wanted) + slack]
    matcher = SequenceMatcher(None, window, wanted, autojunk=False)
    blocks = [block for block in matcher.get_matching_blocks() if block.size]
    if sum(block.size for block in blocks) < MIN_SIMILARITY * len(wanted):
        return None
    begin, end = first + blocks[0].a, first + blocks[-1].a + blocks[-1].size - 1
    return Span(words[begin].start(), words[end].end())


def _similar_by_letters(quote: str, text: str) -> Span | None:
    """For a short quote whose words themselves changed slightly, in a short text."""
    if len(text) > SHORT_TEXT or len(quote) > SHORT_QUOTE or not quote.strip():
        return None
    words, size = list(WORD.finditer(text)), max(1, len(WORD.findall(quote)))
    spans: dict[str, Span] = {}
    for at in range(len(words) - size + 1):
        start, end = words[at].start(), words[at + size - 1].end()
        spans.setdefault(text[start:end], Span(start, end))
    best = get_close_matches(quote, list(spans), n=1, cutoff=0.75)
    return spans[best[0]] if best else None
