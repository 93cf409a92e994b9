"""Where a comment stands: the fields of a revision, a quote found in a text, and found again in a later one. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from typing import Any, NamedTuple

from app.core.errors import Conflict, Invalid

WHOLE = "pair"
ALIKE = 0.6
SHORT_TEXT, SHORT_QUOTE = 4_000, 80
LONGEST_QUOTE = 2_000
WORD = re.compile(r"\w+|[^\w\s]")


class Span(NamedTuple):
    start: int
    end: int


@dataclass(frozen=True)
class CommentAnchor:
    """Where a remark belongs. Without `quote` it is on the whole field; without `start` the quote is looked for."""

    field: str = WHOLE
    revision: str | None = None
    quote: str = ""
    start: int | None = None
    end: int | None = None
    nth: int | None = None


def fields(revision: Any) -> dict[str, str | None]:
    """field -> its text; None where there is nothing to quote from. `messages.0` is the first message."""
    found: dict[str, str | None] = {WHOLE: None}
    found |= {f"messages.{at}": one["content"] for at, one in enumerate(revision.messages)}
    found |= {f"context.{at}": one["text"] for at, one in enumerate(revision.context)}
    return {**found, "tags": None, "source": revision.source, "licence": revision.licence}


def name(field: str, messages: Sequence[Mapping[str, Any]]) -> str:
    """A field as the pages call it."""
    kind, _, number = field.partition(".")
    if not number:
        return {WHOLE: "the whole pair"}.get(field, kind)
    at = int(number)
    if kind == "context":
        return f"context {at + 1}"
    if at == len(messages) - 1:
        return "completion"
    role = messages[at]["role"] if at < len(messages) else ""
    last = at == len(messages) - 2
    return {"system": "instruction", "user": "prompt" if last else f"prompt, turn {at + 1}"}.get(
        role, f"answer, turn {at + 1}"
    )


def locate(texts: Mapping[str, str | None], place: CommentAnchor) -> Span | None:
    """Checked against the fields of a revision: what is quoted stands there. Raises Invalid, Conflict."""
    if place.field not in texts:
        raise Invalid(f"The field is one of {', '.join(texts)}.", field="field")
    text = texts[place.field]
    if place.start is None and place.end is None and not place.quote:
        return None
    if text is None or len(place.quote) > LONGEST_QUOTE:
        raise Invalid(f"Quote at most {LONGEST_QUOTE:,} characters of one field.", field="quote")
    if place.start is None and place.end is None:
        found = find(place.quote, text, nth=place.nth)
        if found is None:
            raise Conflict(
                "The quoted text does not stand in this field; quote it again, or leave it out.", field="quote"
            )
        return found
    if place.start is None or place.end is None or not 0 <= place.start < place.end <= len(text):
        raise Invalid(f"start and end count characters of the field, from 0 to {len(text)}.", field="start")
    if text[place.start : place.end] != place.quote:
        raise Conflict("The quoted text does not stand at this place; reload, and quote it again.", field="quote")
    return Span(place.start, place.end)


def find(quote: str, text: str, *, near: int = 0, nth: int | None = None) -> Span | None:
    """The quote in the text: word for word, the `nth` or the one nearest to `near`; else what is most like it."""
    exact = [one.start() for one in re.finditer(re.escape(quote), text)] if quote else []
    if exact:
        chosen = exact[nth] if nth is not None and nth < len(exact) else min(exact, key=lambda at: abs(at - near))
        return Span(chosen, chosen + len(quote))
    return _by_words(quote, text) or _by_letters(quote, text)


def _by_words(quote: str, text: str) -> Span | None:
    """Around the longest run of words that both have, about as many as the quote has, when enough of them agree."""
    wanted, words = WORD.findall(quote), list(WORD.finditer(text))
    if not wanted or not words:
        return None
    there = [one.group() for one in words]
    run = SequenceMatcher(None, there, wanted, autojunk=False).find_longest_match()
    slack = max(2, len(wanted) // 5)
    first = max(0, run.a - run.b - slack)
    window = there[first : run.a - run.b + len(wanted) + slack]
    matcher = SequenceMatcher(None, window, wanted, autojunk=False)
    blocks = [one for one in matcher.get_matching_blocks() if one.size]
    if sum(one.size for one in blocks) < ALIKE * len(wanted):
        return None
    begin, end = first + blocks[0].a, first + blocks[-1].a + blocks[-1].size - 1
    return Span(words[begin].start(), words[end].end())


def _by_letters(quote: str, text: str) -> Span | None:
    """A short quote of which the words themselves changed a little, in a text that is not long."""
    if len(text) > SHORT_TEXT or len(quote) > SHORT_QUOTE or not quote.strip():
        return None
    words, size = list(WORD.finditer(text)), max(1, len(WORD.findall(quote)))
    spans: dict[str, Span] = {}
    for at in range(len(words) - size + 1):
        start, end = words[at].start(), words[at + size - 1].end()
        spans.setdefault(text[start:end], Span(start, end))
    best = get_close_matches(quote, list(spans), n=1, cutoff=0.75)
    return spans[best[0]] if best else None
