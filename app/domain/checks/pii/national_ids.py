"""National identity, tax, health, passport and license numbers, and dates of birth. Pure.

A number whose form or check digits nobody else uses is found anywhere; a plain row of digits only after a word that
names it ("passport no."), or where the check digits fit a country of the project's languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from app.domain.checks.pii.redaction import PiiSpan

# Forms that nothing else has, found without any word before them; the modules of stdnum of which one must accept it.
ANYWHERE: list[tuple[re.Pattern[str], str, tuple[str, ...]]] = [
    (re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"), "ssn", ("us.ssn", "us.itin")),
    (re.compile(r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b"), "national_id", ()),
    (re.compile(r"\b\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]\b"), "national_id", ("fi.hetu",)),
    (re.compile(r"\b(?:\d{2})?\d{6}[-+]\d{4}\b"), "national_id", ("se.personnummer", "dk.cpr")),
    (re.compile(r"\b[A-Za-z]{6}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z]\b"), "national_id", ("it.codicefiscale",)),
    (re.compile(r"\b(?:\d{8}-?[A-Z]|[XYZ]-?\d{7}-?[A-Z])\b"), "national_id", ("es.dni", "es.nie")),
    (re.compile(r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b"), "national_id", ("br.cpf",)),
    (re.compile(r"\b756\.\d{4}\.\d{4}\.\d{2}\b"), "national_id", ("ch.ssn",)),
    (re.compile(r"\b[12] ?\d{2} ?[01]\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}\b"), "national_id", ("fr.nir",)),
    (re.compile(r"\b\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}\b"), "national_id", ("be.nn",)),
    (re.compile(r"\b\d{1,2}\.\d{3}\.\d{3}-[\dkK]\b"), "national_id", ("cl.rut",)),
    (re.compile(r"\b\d{6}/\d{3,4}\b"), "national_id", ("cz.rc",)),
    (re.compile(r"\b\d{6}-[1-8]\d{6}\b"), "national_id", ("kr.rrn",)),
    (re.compile(r"\b[A-Z]{5}\d{4}[A-Z]\b"), "national_id", ("in_.pan",)),
    (re.compile(r"\b[2-9]\d{3} \d{4} \d{4}\b"), "national_id", ("in_.aadhaar",)),
    (re.compile(r"\b[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d\b"), "national_id", ("mx.curp",)),
]
# Plain rows of digits, by their number: only for projects in the language, or after a word that names them.
BY_LANGUAGE: dict[str, list[tuple[int, str]]] = {
    "pl": [(11, "pl.pesel")],
    "nl": [(9, "nl.bsn"), (11, "be.nn")],
    "no": [(11, "no.fodselsnummer")],
    "nb": [(11, "no.fodselsnummer")],
    "ro": [(13, "ro.cnp")],
    "pt": [(11, "br.cpf")],
    "da": [(10, "dk.cpr")],
}
DIGITS = re.compile(r"(?<![\w.,-])\d{9,13}(?![\w.,-]\d|\w)")

NUMBER = r"(?:number|no\.?|num\.?|nr\.?|#|id|code|nummer|numéro|número|numero)"
JOIN = rf"(?:\s?{NUMBER})?(?:\s?\([^()\n]{{1,20}}\))?(?:\s(?:is|was|are|ist|est|es|è|of|:))?[\s:#=]{{1,4}}(?:['\"])?"
TOKEN = r"(?P<value>[A-Z]{0,4}[- ]?\d(?:[A-Z0-9]|[-./ ](?=[A-Z]{0,2}\d)){3,23})\b"
NAMED = {
    "ssn": r"ssn|social security|tax(?:payer)? id(?:entification)?|itin|tin",
    "passport": r"passport|reisepass|passeport|pasaporte|passaporto|passaporte|paspoort",
    "licence": (
        r"driv(?:er'?s?|ers'|er’s|ing)[ -]licen[sc]e|dl|führerschein|permis de conduire|licencia de conducir"
        r"|patente di guida"
    ),
    "health_id": (
        r"mrn|medical record|patient|nhs|medicare|medicaid|health (?:card|insurance)|insurance (?:policy|member)"
        r"|member id|versicherten|krankenversicherungs"
    ),
    "national_id": (
        r"national (?:id|identity|insurance)|identity (?:card|document)|id card|personal (?:id|identity)|sin|tfn|nino"
        r"|aadhaar|bsn|pesel|cpf|curp|dni|nie|nif|ausweis|personalausweis|steuer-?id|identifikations|codice fiscale"
        r"|personnummer|carte d'identité|burgerservice|my number"
    ),
    "account": (
        r"(?:bank |checking |savings |customer )?account|acct|routing|sort code|kontonummer|konto|compte|cuenta|conto"
    ),
}
CONTEXT = re.compile("|".join(rf"(?P<{kind}>\b(?:{words}){JOIN})" for kind, words in NAMED.items()), re.IGNORECASE)
VALUE = re.compile(TOKEN, re.IGNORECASE)

SIX = re.compile(r"\d(?:\D{0,12}\d){4}")

MONTH = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mai|okt|dez|janv|févr|avr|juin|juil|août|déc|ene|abr|ago"
    r"|dic|gen|mag|giu|lug|set|ott)[a-zéûäç]{0,8}\.?"
)
DATE = (
    rf"(?:\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}|\d{{4}}[./-]\d{{1,2}}[./-]\d{{1,2}}|\d{{1,2}}(?:st|nd|rd|th|\.)?(?:"
    rf" of| de| di)?"
    rf" {MONTH},?(?: de)? \d{{4}}|{MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
)
BORN = re.compile(
    r"(?:\b(?:born|birth ?date|birth ?day|birth|dob|d\.o\.b\.?|b-day|geboren|geb\.|geburtsdatum|née? le|nacid[oa]"
    r"|nacimiento"
    r"|naissance|nat[oa] il|nascita|nascid[oa]|nascimento|geboortedatum)\b|\bDOB)[^\d\n]{0,30}?\s?(" + DATE + ")",
    re.IGNORECASE,
)


def find_national(text: str, languages: Sequence[str] = ()) -> Iterator[PiiSpan]:
    """Identity numbers and dates of birth."""
    if not SIX.search(text):
        return
    for pattern, kind, modules in ANYWHERE:
        for match in pattern.finditer(text):
            if not modules or any(_module(name).is_valid(match.group()) for name in modules):
                yield PiiSpan(*match.span(), kind)
    yield from _named(text)
    yield from _plain(text, languages)
    yield from (PiiSpan(*match.span(1), "birth_date") for match in BORN.finditer(text))


@cache
def _module(name: str) -> Any:
    return import_module(f"stdnum.{name}")


def _named(text: str) -> Iterator[PiiSpan]:
    for match in CONTEXT.finditer(text):
        value = VALUE.match(text, match.end())
        if value and sum(character.isdigit() for character in value["value"]) >= 5:
            yield PiiSpan(*value.span("value"), match.lastgroup or "national_id")


def _plain(text: str, languages: Sequence[str]) -> Iterator[PiiSpan]:
    tests = [test for language in languages for test in BY_LANGUAGE.get(language.split("-")[0].lower(), ())]
    for match in DIGITS.finditer(text) if tests else ():
        if any(len(match.group()) == length and _module(name).is_valid(match.group()) for length, name in tests):
            yield PiiSpan(*match.span(), "national_id")
