"""Personal data and secrets in a text, by pattern and checksum. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers
from stdnum import iban, luhn

from app.domain.checks.problem import Problem

EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
CARD = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")
SSN = re.compile(r"\b\d{3}-\d{2}-\d{4}\b")
SECRET = re.compile(
    r"\bsk-[A-Za-z0-9_-]{20,}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"
)


def check_privacy(field: str, text: str) -> Iterator[Problem]:
    """A warning for each piece of personal data, a block for each secret."""
    for start, end, kind in _spans(text):
        yield _problem(field, (start, end), kind)


def _problem(field: str, span: tuple[int, int], kind: str) -> Problem:
    if kind == "secret":
        return Problem("secret", "block", "This looks like a key or secret: revoke it and delete it.", field, span)
    return Problem("pii", "warn", f"This looks like {kind}: replace it by a made-up one.", field, span)


def _spans(text: str) -> Iterator[tuple[int, int, str]]:
    for match in SECRET.finditer(text):
        yield *match.span(), "secret"
    for match in EMAIL.finditer(text):
        yield *match.span(), "an e-mail address"
    for match in SSN.finditer(text):
        yield *match.span(), "a social security number"
    taken = []
    for match in IBAN.finditer(text):
        if iban.is_valid(match.group()):
            taken.append(match.span())
            yield *match.span(), "a bank account"
    for match in CARD.finditer(text):
        if luhn.is_valid(re.sub(r"\D", "", match.group())) and not _within(match.span(), taken):
            taken.append(match.span())
            yield *match.span(), "a card number"
    if sum(character.isdigit() for character in text) >= 7:
        for number in phonenumbers.PhoneNumberMatcher(text, "US"):
            if not _within((number.start, number.end), taken):
                yield number.start, number.end, "a telephone number"


def _within(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in taken)
