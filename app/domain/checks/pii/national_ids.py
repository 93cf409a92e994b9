"""National identity, tax, health, passport and license numbers, and dates of birth. Pure.

A number whose form or check digits nobody else uses is found anywhere; a plain row of digits only after a word that
names it ("passport no."), or where the check digits fit a country of the project's languages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ch import ssn as ahv
from stdnum.cl import rut
from stdnum.cz import rc
from stdnum.dk import cpr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.in_ import aadhaar, pan
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.ro import cnp
from stdnum.se import personnummer
from stdnum.us import itin, ssn as us_ssn

from app.domain.checks.pii.redaction import PiiSpan

Test = Callable[[str], Any]
# Forms that nothing else has: found without any word before them.
ANYWHERE: list[tuple[re.Pattern[str], str, Test]] = [
    (
        re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),
        "ssn",
        lambda text: us_ssn.is_valid(text) or itin.is_valid(text),
    ),
    (re.compile(r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b"), "national_id", bool),
    (re.compile(r"\b\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]\b"), "national_id", hetu.is_valid),
    (
        re.compile(r"\b(?:\d{2})?\d{6}[-+]\d{4}\b"),
        "national_id",
        lambda text: personnummer.is_valid(text) or cpr.is_valid(text),
    ),
    (re.compile(r"\b[A-Za-z]{6}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z]\b"), "national_id", codicefiscale.is_valid),
    (
        re.compile(r"\b(?:\d{8}-?[A-Z]|[XYZ]-?\d{7}-?[A-Z])\b"),
        "national_id",
        lambda text: dni.is_valid(text) or nie.is_valid(text),
    ),
    (re.compile(r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b"), "national_id", cpf.is_valid),
    (re.compile(r"\b756\.\d{4}\.\d{4}\.\d{2}\b"), "national_id", ahv.is_valid),
    (re.compile(r"\b[12] ?\d{2} ?[01]\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}\b"), "national_id", nir.is_valid),
    (re.compile(r"\b\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}\b"), "national_id", nn.is_valid),
    (re.compile(r"\b\d{1,2}\.\d{3}\.\d{3}-[\dkK]\b"), "national_id", rut.is_valid),
    (re.compile(r"\b\d{6}/\d{3,4}\b"), "national_id", rc.is_valid),
    (re.compile(r"\b\d{6}-[1-8]\d{6}\b"), "national_id", rrn.is_valid),
    (re.compile(r"\b[A-Z]{5}\d{4}[A-Z]\b"), "national_id", pan.is_valid),
    (re.compile(r"\b[2-9]\d{3} \d{4} \d{4}\b"), "national_id", aadhaar.is_valid),
    (re.compile(r"\b[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d\b"), "national_id", curp.is_valid),
]
# Plain rows of digits: only for projects in the language, or after a word that names them.
BY_LANGUAGE: dict[str, list[tuple[int, Test]]] = {
    "pl": [(11, pesel.is_valid)],
    "nl": [(9, bsn.is_valid), (11, nn.is_valid)],
    "no": [(11, fodselsnummer.is_valid)],
    "nb": [(11, fodselsnummer.is_valid)],
    "ro": [(13, cnp.is_valid)],
    "pt": [(11, cpf.is_valid)],
    "da": [(10, cpr.is_valid)],
}
DIGITS = re.compile(r"(?<![\w.,-])\d{9,13}(?![\w.,-]\d|\w)")

NUMBER = r"(?:number|no\.?|num\.?|nr\.?|#|id|code|nummer|numéro|número|numero)"
JOIN = rf"(?:\s?{NUMBER})?(?:\s?\([^()\n]{{1,20}}\))?(?:\s(?:is|was|are|ist|est|es|è|of|:))?[\s:#=]{{1,4}}(?:['\"])?"
TOKEN = r"(?P<value>[A-Z]{0,4}[- ]?\d(?:[A-Z0-9]|[-./ ](?=[A-Z]{0,2}\d)){3,23})\b"
NAMED: list[tuple[str, str]] = [
    (r"ssn|social security|tax(?:payer)? id(?:entification)?|itin|tin", "ssn"),
    (r"passport|reisepass|passeport|pasaporte|passaporto|passaporte|paspoort", "passport"),
    (
        r"driv(?:er'?s?|ers'|er’s|ing)[ -]licen[sc]e|dl|führerschein|permis de conduire"
        r"|licencia de conducir|patente di guida",
        "licence",
    ),
    (
        r"mrn|medical record|patient|nhs|medicare|medicaid|health (?:card|insurance)|insurance (?:policy|member)"
        r"|member id|versicherten|krankenversicherungs",
        "health_id",
    ),
    (
        r"national (?:id|identity|insurance)|identity (?:card|document)|id card|personal (?:id|identity)|sin|tfn|nino"
        r"|aadhaar|bsn|pesel|cpf|curp|dni|nie|nif|ausweis|personalausweis|steuer-?id|identifikations|codice fiscale"
        r"|personnummer|carte d'identité|burgerservice|my number",
        "national_id",
    ),
    (
        r"(?:bank |checking |savings |customer )?account|acct|routing|sort code|kontonummer|konto|compte|cuenta|conto",
        "account",
    ),
]
CONTEXT = re.compile("|".join(rf"(?P<{kind}>\b(?:{words}){JOIN})" for words, kind in NAMED), re.IGNORECASE)
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
    for pattern, kind, valid in ANYWHERE:
        yield from (PiiSpan(*match.span(), kind) for match in pattern.finditer(text) if valid(match.group()))
    yield from _named(text)
    yield from _plain(text, languages)
    yield from (PiiSpan(*match.span(1), "birth_date") for match in BORN.finditer(text))


def _named(text: str) -> Iterator[PiiSpan]:
    for match in CONTEXT.finditer(text):
        value = VALUE.match(text, match.end())
        if value and sum(character.isdigit() for character in value["value"]) >= 5:
            yield PiiSpan(*value.span("value"), match.lastgroup or "national_id")


def _plain(text: str, languages: Sequence[str]) -> Iterator[PiiSpan]:
    tests = [test for language in languages for test in BY_LANGUAGE.get(language.split("-")[0].lower(), ())]
    for match in DIGITS.finditer(text) if tests else ():
        if any(len(match.group()) == length and valid(match.group()) for length, valid in tests):
            yield PiiSpan(*match.span(), "national_id")
