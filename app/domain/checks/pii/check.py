"""Personal data and secrets in a text. Pure: combines the finders of each kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from app.domain.checks.pii.addresses import find_addresses
from app.domain.checks.pii.credentials import find_credentials
from app.domain.checks.pii.identifiers import find_identifiers
from app.domain.checks.pii.national_ids import find_national
from app.domain.checks.pii.persons import find_persons
from app.domain.checks.pii.phone_numbers import find_phone_numbers
from app.domain.checks.pii.redaction import KINDS, PiiSpan, placeholders
from app.domain.checks.problem import Fix, Problem

MAX_SPANS = 200
LOOSE, LEAST_LEFT = ("address", "person"), 6  # kinds without an end of their own, and the characters that must be left


def check_pii(field: str, text: str, languages: Sequence[str] = ()) -> Iterator[Problem]:
    """A warning for each piece of personal data, a block for each secret; each with its replacement."""
    marks = find_spans(text, languages)
    names = placeholders(text, marks)
    for mark in marks[:MAX_SPANS]:
        yield _problem(field, mark, names[mark])


def find_spans(text: str, languages: Sequence[str] = ()) -> list[PiiSpan]:
    """Personal data and secrets in order of place, none overlapping: the more certain form wins."""
    spans: list[PiiSpan] = []
    taken = bytearray(len(text))

    def keep(marks: Iterable[PiiSpan]) -> None:
        for mark in map(free, marks):
            if mark.end > mark.start:
                taken[mark.start : mark.end] = b"\x01" * (mark.end - mark.start)
                spans.append(mark)

    def free(mark: PiiSpan) -> PiiSpan:
        """An address or a name ends where something else that was spans begins; of another kind nothing is left."""
        place = taken.find(1, mark.start, mark.end)
        if place < 0:
            return mark
        end = mark.start + len(text[mark.start : place].rstrip(" ,\n")) if mark.kind in LOOSE else mark.start
        return mark._replace(end=end if end - mark.start >= LEAST_LEFT else mark.start)

    keep(_candidates(text, languages))
    keep(find_persons(text, beside=bool(spans)))
    return sorted(spans)


def _candidates(text: str, languages: Sequence[str]) -> Iterator[PiiSpan]:
    yield from find_credentials(text)
    yield from find_identifiers(text)
    yield from find_national(text, languages)
    yield from find_phone_numbers(text, languages)
    yield from sorted(find_addresses(text), key=lambda mark: (mark.start, -mark.end))


def _problem(field: str, mark: PiiSpan, placeholder: str) -> Problem:
    span, words = (mark.start, mark.end), KINDS[mark.kind][0]
    fix = Fix(span, placeholder)
    if mark.kind == "secret":
        message = f"This looks like {words}: revoke it, then replace it with {placeholder}."
        return Problem("secret", message, field, span, kind=mark.kind, fix=fix, severity="block")
    message = f"This looks like {words}: replace it with {placeholder} or with a made-up one."
    return Problem("pii", message, field, span, kind=mark.kind, fix=fix)
