"""Telephone numbers of many countries in a text. Pure.

Anywhere: a number with + or 00, or one written like a number of a country whose language the project writes.
After a word such as "phone" or "fax": any row of seven to fifteen digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import phonenumbers

from app.domain.checks.pii.redaction import PiiSpan

CANDIDATE = re.compile(
    r"(?<![\w.,/$€£#@=*-])(?:\+ ?|00 ?)?\(?\d[\d ()./\-\u00a0]{5,22}\d(?:[ ,]{0,2}(?:x|ext\.?|extension)"
    r" ?\d{1,6})?(?![\w%]|[.,]\d)"
)
SEVEN = re.compile(r"\d(?:[\d ()./\-\u00a0+]{0,9}\d){6}")
BEFORE = re.compile(
    r"(?:\b(?:phone|telephone|tel|call(?:ing|ed)?|mobile|fax|desk|cell|cellphone|whats ?app|sms|text|dial|ring|reach"
    r"|hotline|contact|telefon\w*|handy|mobil|rufnummer|téléphone|portable|appele[rz]|teléfono|móvil|celular|llam\w+"
    r"|telefono|cellulare|telefone|telemóvel|telefoon|puhelin|puhelinnumero|messages? to|answering at"
    r"|(?:my|his|her|their|our|phone|registered) number)\b|☎|📞)[^\d\n]{0,24}\n?\s{0,8}$",
    re.IGNORECASE,
)
AFTER = re.compile(r"[ \-–(]{1,3}(?:office|fax|mobile|cell|home|work|desk|phone|tel)\b", re.IGNORECASE)
NOT_NUMBER = re.compile(
    r"\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2}(?: \d{1,2})?|\d{1,2}[-./ ]\d{1,2}[-./ ]\d{4}|\d{4} ?[-–] ?\d{4}"
    r"|(?:\d{1,3}\.){3}\d{1,3}|\d{1,3}(?: \d{3})+|\d+ ?/ ?\d+|\d+\.\d+"
)
# Hotlines and the number that stands for "a number".
NOBODY = re.compile(r"1[-. ]8(?:00|33|44|55|66|77|88)[-. ].*|\(?123\)?[-. ]{0,2}456[-. ]?7890|1?234567890?")
REGIONS = {
    "en": ("US", "GB", "AU", "IN", "ZA", "IE"),
    "de": ("DE", "AT", "CH"),
    "fr": ("FR", "BE", "CH"),
    "es": ("ES", "MX", "AR", "CO"),
    "it": ("IT", "CH"),
    "pt": ("PT", "BR"),
    "nl": ("NL", "BE"),
    "pl": ("PL",),
    "sv": ("SE",),
    "da": ("DK",),
    "no": ("NO",),
    "nb": ("NO",),
    "fi": ("FI",),
    "cs": ("CZ",),
    "hu": ("HU",),
    "ro": ("RO",),
    "tr": ("TR",),
    "ru": ("RU",),
    "ja": ("JP",),
    "ko": ("KR",),
    "zh": ("CN", "TW", "HK"),
    "hi": ("IN",),
}


def regions_of(languages: Sequence[str]) -> list[str]:
    """Countries to try, the United States and Britain always: "de-AT" puts Austria first."""
    regions = [language[3:].upper() for language in languages if re.fullmatch(r"[a-zA-Z]{2}[-_][a-zA-Z]{2}", language)]
    for language in languages:
        regions += REGIONS.get(language[:2].lower(), ())
    return list(dict.fromkeys([*regions, "US", "GB"]))


def find_phone_numbers(text: str, languages: Sequence[str] = ()) -> Iterator[PiiSpan]:
    if not SEVEN.search(text):
        return
    regions = regions_of(languages)
    for match in CANDIDATE.finditer(text):
        if _is_number(text, match, regions):
            yield PiiSpan(*match.span(), "phone")


def _is_sum(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - 4) : match.start()].rstrip()
    after = text[match.end() : match.end() + 3].lstrip()
    return before.endswith(("<", "=", "$", "€", "£", "+", "*")) or after.startswith(("=", ">", "*", "+", "$", "€"))


def _is_number(text: str, match: re.Match[str], regions: Sequence[str]) -> bool:
    number = match.group().strip()
    core = re.split(r"[ ,]{0,2}(?:x|e)", number)[0]
    digits = sum(character.isdigit() for character in core)
    if not 7 <= digits <= 15 or core.count("(") != core.count(")") or _is_sum(text, match) or NOBODY.fullmatch(core):
        return False
    if core.startswith(("+", "00")):
        return _parses("+" + core.lstrip("+0 "), None, valid=False)
    if BEFORE.search(text[max(0, match.start() - 48) : match.start()]) or AFTER.match(text, match.end()):
        return not re.fullmatch(r"\d{4} ?[-–] ?\d{4}|\d{4}-\d\d-\d\d", core) or core.startswith("0")
    written = core.startswith(("0", "(")) or "-" in core or core.count(".") >= 2 or core.count(" ") >= 2
    if not written or NOT_NUMBER.fullmatch(core):
        return False
    return any(_parses(core, region, valid=True) for region in regions)


def _parses(number: str, region: str | None, *, valid: bool) -> bool:
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_valid_number(parsed) if valid else phonenumbers.is_possible_number(parsed))
