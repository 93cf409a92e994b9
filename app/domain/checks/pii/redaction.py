"""Spans of personal data in a text and the placeholders that replace them. Pure; detects nothing itself.

A placeholder names the type in brackets, [NAME]. Nothing is invented, so no made-up number can belong to a person, a
second pass finds nothing, and a reader sees that something was removed. Different values of one type get different
numbers, [NAME 1] and [NAME 2], and a repeated value keeps its placeholder, so the text stays readable.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple


class PiiSpan(NamedTuple):
    """[start, end) in characters, and one of KINDS."""

    start: int
    end: int
    kind: str


# kind -> (in words, placeholder)
KINDS: dict[str, tuple[str, str]] = {
    "secret": ("a key or secret", "SECRET"),
    "password": ("a password", "PASSWORD"),
    "email": ("an email address", "EMAIL"),
    "iban": ("a bank account", "BANK ACCOUNT"),
    "card": ("a card number", "CARD NUMBER"),
    "account": ("an account number", "ACCOUNT NUMBER"),
    "ssn": ("a social security number", "SOCIAL SECURITY NUMBER"),
    "national_id": ("a national identity number", "IDENTITY NUMBER"),
    "passport": ("a passport number", "PASSPORT NUMBER"),
    "licence": ("a driver's license number", "LICENSE NUMBER"),
    "health_id": ("a patient or insurance number", "PATIENT NUMBER"),
    "wallet": ("a wallet address", "WALLET"),
    "ip": ("an IP address", "IP ADDRESS"),
    "mac": ("a device address", "DEVICE ADDRESS"),
    "url": ("a personal web address", "WEB ADDRESS"),
    "phone": ("a telephone number", "PHONE"),
    "birth_date": ("a date of birth", "DATE OF BIRTH"),
    "address": ("a postal address", "ADDRESS"),
    "person": ("a person's name", "NAME"),
}


def redact(text: str, marks: Iterable[tuple[int, int, str]]) -> str:
    """The text with each mark replaced by its placeholder. Marks that overlap are replaced as one."""
    whole = merged(marks, len(text))
    names = placeholders(text, whole)
    parts, last = [], 0
    for mark in whole:
        parts += [text[last : mark.start], names[mark]]
        last = mark.end
    return "".join([*parts, text[last:]])


def merged(marks: Iterable[tuple[int, int, str]], length: int) -> list[PiiSpan]:
    """Marks inside [0, length) in order; overlapping ones joined under the kind of the first."""
    merged_spans: list[PiiSpan] = []
    for start, end, kind in sorted((max(0, start), min(end, length), kind) for start, end, kind in marks):
        if start >= end:
            continue
        if merged_spans and start < merged_spans[-1].end:
            merged_spans[-1] = merged_spans[-1]._replace(end=max(end, merged_spans[-1].end))
        else:
            merged_spans.append(PiiSpan(start, end, kind))
    return merged_spans


def placeholders(text: str, marks: Iterable[PiiSpan]) -> dict[PiiSpan, str]:
    """mark -> its placeholder, numbered where a kind has more than one value in the text."""
    marks = list(marks)
    values: dict[str, dict[str, int]] = defaultdict(dict)
    for mark in marks:
        of_kind = values[mark.kind]
        of_kind.setdefault(_value(text, mark), len(of_kind) + 1)
    return {mark: _placeholder(mark.kind, values[mark.kind], _value(text, mark)) for mark in marks}


def _value(text: str, mark: PiiSpan) -> str:
    return " ".join(text[mark.start : mark.end].casefold().split())


def _placeholder(kind: str, numbers: dict[str, int], value: str) -> str:
    word = KINDS[kind][1] if kind in KINDS else kind.replace("_", " ").upper()
    return f"[{word} {numbers[value]}]" if len(numbers) > 1 else f"[{word}]"
