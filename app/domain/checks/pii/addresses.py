"""Postal addresses in a text: number and street as in Europe and the Americas, boxes, flats, postcodes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.domain.checks.pii.redaction import PiiSpan

UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆĈĊČĎĐĒĖĘĚĞĢĪĮİĶĻŁŃŅŇŐŒŔŘŚŞŠŢŤŪŮŰŲŹŻŽΆΈΉΊΌΎΏΑ-ΫА-ЯЁ"
WORD = rf"[{UPPER}][\w'’.-]{{0,24}}"
NUM = r"\d{1,6}[A-Za-z]?(?:[-/]\d{1,4}[A-Za-z]?)?"
# A flat or a parcel may have its number in front: 704 12 Redbud Drive.
NUMS = rf"(?:\d{{1,6}} )?{NUM}"
LINK = r"(?:de|la|las|los|les|del|della|delle|dei|degli|di|du|des|da|do|dos|das|van|der|den|of|the|e|y)"
WORDS = rf"{WORD}(?: (?:{LINK} ){{0,2}}{WORD}){{0,3}}"

SHORT = r" [a-zà-öø-ž]{1,4}\b\.?"  # u., rkp., str

STREET = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|Square|Terrace|Crescent"
    r"|Close|Parkway|Pkwy|Highway|Hwy|Circle|Trail|Mews|Gardens|Grove|Quay|Alley|Turnpike|Esplanade|Rise)\b\.?"
)
SUFFIXED = (
    rf"(?:{WORD} ){{0,2}}[{UPPER}]\w{{1,24}}(?:stra(?:ß|ss)e|str\.|gasse|weg|platz|allee|damm|ufer|gata|gatan|gate"
    rf"|gaten|vägen|väg|vej|veien"
    r"|vegen|gade|gränd|stien|katu|tie|kuja|polku|straat|laan|plein|gracht|dijk|dreef|kade|stræde|allé|grund|torg"
    r"|stigen|vænget|rinne|terrasse|braut|tún)\b"
)
PREFIXED = (
    r"(?:Via|Viale|Vicolo|Piazza|Piazzetta|Corso|Rua|Rúa|R\.|Avenida|Avda\.|Av\.|Travessa|Praça|Calle|C/|Plaza|Paseo"
    r"|Carrer|Rue|rue|Chemin|Allée|Quai|Place|Boulevard|Avenue|Impasse|ul\.|ulica|al\.|os\.|pl\.|Strada|Str\."
    r"|Bulevardul|Praceta|Largo|Estrada|Trg|Ronda|Camino|Carretera|Cañada|Strada)"
    rf" (?:{LINK} |[ld]['’]){{0,2}}{WORDS}"
)
SPACED = (
    rf"{WORD}(?: {WORD})? (?:Stra(?:ß|ss)e|Weg|Platz|Allee|Gasse|gate|gata|vei|väg"
    r"|tér|tere|utca|utcája|út|útja|krt\.|körút|sor|gatve|g\.|iela|tee|pst|tn|cad\.|sok\.|sokak|caddesi)(?!\w)"
)
UNIT = r"(?:Apt|Apartment|Suite|Ste|Unit|Flat)\b\.?"
PLACE = rf"(?:{PREFIXED}|{SUFFIXED}|{SPACED})"

FORMS = [
    re.compile(rf"(?<![\w.,/-]){NUMS},? (?:[NSEW]\.? )?(?:{WORD} |\d{{1,3}}(?:st|nd|rd|th) ){{1,4}}{STREET}"),
    re.compile(rf"(?<![\w.,/-])(?:{NUMS},? )?{PLACE},? {NUM}(?: {NUM})?(?!\w)"),
    re.compile(rf"(?<![\w.,/-]){NUMS},? {PLACE}"),
    re.compile(rf"(?<![\w.,/-]){NUMS} {WORDS}(?:{SHORT})?(?: {NUM}\.?)?(?=,?[\s>?*]{{1,12}}{UNIT} ?\d)"),
    re.compile(rf"(?<!\w){WORDS} {NUM}(?=,?[\s>?*]{{1,12}}{UNIT} ?\d)"),
    re.compile(
        rf"\b(?:the )?corner of (?:{NUM} )?{WORDS}(?:{SHORT})?(?: {NUM}\.?)?(?: {STREET})? and"
        rf" (?:{NUM} )?{WORDS}(?: {NUM}\b)?"
    ),
    re.compile(
        rf"\b(?:(?:USS|USNS|USNV|USCGC) {WORD}|(?:PSC|CMR|Unit) \d{{1,5}},? Box \d{{1,5}})[\s,]{{1,8}}(?:APO|FPO"
        rf"|DPO),? A[AEP] \d{{5}}"
    ),
    re.compile(
        r"\b(?:(?:P\.? ?O\.?|Post(?: Office)?) ?Box|PSC|CMR|Postbox|Postboks|Postfach|Apartado|Casella Postale)"
        r" \d{1,6}(?:,? Box \d{1,6})?"
    ),
    re.compile(rf"\b{UNIT} ?#?\d{{2,4}}\b"),
    re.compile(r"\b(?:[A-PR-UWYZ][A-HK-Y]?\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2}|[ABCEGHJ-NPRSTVXY]\d[A-Z] \d[A-Z]\d)\b"),
]
SPOKEN = re.compile(
    rf"\b(?:address(?: is|:)|address of [^\n]{{1,60}}? is|located (?:at|on|in)|moved to|arrived? at"
    rf"|liv(?:e|es|ed|ing) (?:at|on|in)|resid(?:e|es|ed|ing) (?:at|on)"
    rf"|(?:deliver|ship|sen[dt]|mail)(?:ed|s)? (?:it |this )?to:?|wohn(?:e|t|haft)(?: in)?(?: der)?|habite(?: au)?"
    rf"|vivo en|abito in)\s{{1,8}}(?:user: )?((?-i:(?:{NUM} ){{1,2}}(?:{WORD} {WORDS}|{WORDS}(?:{SHORT})? {NUM}\b)))",
    re.IGNORECASE,
)
AT = re.compile(rf"\b(?:[Aa]t|to|in|on) ({NUM} {WORDS} {NUM}\b)")
ZIP = re.compile(
    r"\b(?:zip(?: ?code)?|post(?:al)? ?code|plz|code postal|código postal|cap|cep)\b(?: is|:| ist| est|)[\s:]{1,3}"
    r"(\d{3,6}(?:[- ]\d{2,4})?\b)",
    re.IGNORECASE,
)
# What may follow on the same or the next lines: flat, town, state, postcode, country.
PIECE = rf"(?:{UNIT} ?#?\d{{1,5}}|\d{{3,6}}(?:[- ]\d{{2,4}})?(?: {WORD}){{0,2}}|{WORDS}(?: \d{{3,6}}(?:-\d{{3,4}})?)?)"
TAIL = re.compile(
    rf"(?:(?:,[ \t]{{0,3}}|[ \t]{{0,3}}\n[ \t]{{0,8}}\n?[ \t>?*,]{{0,12}}|[ \t](?={UNIT}|\d{{3}})){PIECE}(?=\W"
    rf"|$)){{1,6}}"
)


def find_addresses(text: str) -> Iterator[PiiSpan]:
    if not re.search(r"\d", text):
        return
    for form in FORMS:
        for match in form.finditer(text):
            yield PiiSpan(match.start(), _end(text, match.end()), "address")
    for form in (SPOKEN, AT):
        for match in form.finditer(text):
            yield PiiSpan(match.start(1), _end(text, match.end(1)), "address")
    yield from (PiiSpan(*match.span(1), "address") for match in ZIP.finditer(text))


def _end(text: str, end: int) -> int:
    """Past the town and postcode where a postcode follows within six pieces, else past the street alone."""
    tail = TAIL.match(text, end)
    return tail.end() if tail and re.search(r"\d{3}", tail.group()) else end
