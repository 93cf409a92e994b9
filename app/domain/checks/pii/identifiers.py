"""E-mail, bank, card, wallet, network and web addresses in a text, by pattern and check digit. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator

from stdnum import bitcoin, iban, luhn

from app.domain.checks.pii.redaction import PiiSpan

# Mailboxes of an office, not of a person.
ROLE = re.compile(
    r"(?:support|info|help|helpdesk|contact|sales|service|customer[\w.-]*|no-?reply|do-?not-?reply|admin|webmaster"
    r"|office|press|media|jobs|careers|billing|feedback|enquiries|inquiries|privacy|security|abuse|postmaster|hello"
    r"|team|mail|email|user|username|name|you|someone)@",
    re.IGNORECASE,
)
EMAIL = re.compile(r"(?<![\w.+-])[\w.+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b", re.IGNORECASE)
IBAN_WORD = re.compile(r"\biban\b", re.IGNORECASE)
# Issuers begin with 2 to 6: Mastercard, American Express, Diners, JCB, Visa, Maestro, Discover, UnionPay.
CARD = re.compile(r"(?<![\w.-])[1-6]\d{3}(?:[ -]?\d){8,15}(?![\w-])")
CARD_WORD = re.compile(
    r"\b(?:card|credit|debit|visa|master ?card|amex|maestro|karte|kreditkarte|carte|tarjeta|carta|cartão|cc|atm)\b",
    re.IGNORECASE,
)
CARD_GROUPS = re.compile(r"\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5}")
WALLET = re.compile(r"\b(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|bc1[02-9ac-hj-np-z]{11,71}|0x[0-9a-fA-F]{40})\b")
IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
IPV6 = re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{1,4}:|:(?=:)){2,7}(?::|[0-9A-Fa-f]{1,4})(?![\w:])")
VERSION = re.compile(r"(?:\bv|version|release|build|python|firmware)[\s:.=]{0,3}$", re.IGNORECASE)
MAC = re.compile(r"(?<![\w:-])(?:[0-9A-Fa-f]{2}([:-]))(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:-])")
URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"'`{}|\\^]{3,300}", re.IGNORECASE)
PERSONAL_URL = re.compile(
    r"(?:linkedin\.com/(?:in|pub)/|facebook\.com/(?!groups|events|business|help|login|sharer)"
    r"|instagram\.com/(?!p/|explore)|(?:twitter|x)\.com/(?!intent|search|share|home|i/)|tiktok\.com/@|youtube\.com/@"
    r"|t\.me/|wa\.me/|reddit\.com/u(?:ser)?/|snapchat\.com/add/|medium\.com/@|onlyfans\.com/|venmo\.com/|paypal\.me/"
    r"|calendly\.com/|orcid\.org/0|/~\w|/(?:users?|profiles?|people|members?|accounts?|patients?)/(?!guide|manual|docs"
    r"|help|list|new)[\w.%-]{2,}|[?&](?:e-?mail|user(?:name|_?id)?|name|phone|token|ssn|dob)=[^&\s]{3,})",
    re.IGNORECASE,
)
OWN_URL = re.compile(
    r"(?:\b(?:my|his|her|their|personal) (?:own )?(?:web ?site|site|blog|home ?page|page|portfolio"
    r"|profile)\b[^.!?\n]{0,20}"
    r"|(?:^|\n)[ \t>*?-]{0,8}(?:web ?site|home ?page|blog|portfolio)\s{0,3}:\s{0,6}|\bposted a (?:photo|picture) )$",
    re.IGNORECASE,
)
PUBLIC_RESOLVERS = {"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "208.67.222.222", "208.67.220.220"}


def find_identifiers(text: str) -> Iterator[PiiSpan]:
    """Everything that has a fixed form whatever the country."""
    if "@" in text:
        yield from (PiiSpan(*match.span(), "email") for match in EMAIL.finditer(text) if not ROLE.match(match.group()))
    if "://" in text or "www." in text.lower():
        yield from _urls(text)
    if re.search(r"\d", text):
        yield from _ibans(text)
        yield from _cards(text)
        yield from _addresses(text)
        yield from (PiiSpan(*match.span(), "wallet") for match in WALLET.finditer(text) if _is_wallet(match.group()))


def _urls(text: str) -> Iterator[PiiSpan]:
    for match in URL.finditer(text):
        address = match.group().rstrip(".,;:!?)]")
        before = text[max(0, match.start() - 60) : match.start()]
        if PERSONAL_URL.search(address) or OWN_URL.search(before):
            yield PiiSpan(match.start(), match.start() + len(address), "url")


def _ibans(text: str) -> Iterator[PiiSpan]:
    for match in IBAN.finditer(text):
        # Lower case and a word that follows are allowed: the longest valid beginning counts.
        known = _longest(match.group(), iban.is_valid)
        if known or IBAN_WORD.search(text, max(0, match.start() - 30), match.start()):
            yield PiiSpan(match.start(), match.start() + (known or len(match.group())), "iban")


def _longest(candidate: str, valid: Callable[[str], bool]) -> int:
    """Length of the longest valid beginning that ends at a group, or 0."""
    ends = [len(candidate), *(place for place in range(len(candidate) - 1, 14, -1) if candidate[place] == " ")]
    return next((end for end in ends if valid(candidate[:end])), 0)


def _cards(text: str) -> Iterator[PiiSpan]:
    for match in CARD.finditer(text):
        near = CARD_WORD.search(text, max(0, match.start() - 60), match.end() + 30)
        grouped = CARD_GROUPS.fullmatch(match.group())
        digits = re.sub(r"\D", "", match.group())
        if luhn.is_valid(digits) and (
            near or grouped or (len(digits) in (15, 16) and match.group().isdigit() and digits[0] != "1")
        ):
            yield PiiSpan(*match.span(), "card")


def _addresses(text: str) -> Iterator[PiiSpan]:
    for match in IPV4.finditer(text) if "." in text else ():
        if is_personal_ip(match.group()) and not VERSION.search(text[max(0, match.start() - 12) : match.start()]):
            yield PiiSpan(*match.span(), "ip")
    for match in IPV6.finditer(text) if "::" in text or text.count(":") > 6 else ():
        if is_personal_ip(match.group()):
            yield PiiSpan(*match.span(), "ip")
    yield from (PiiSpan(*match.span(), "mac") for match in MAC.finditer(text))


def is_personal_ip(text: str) -> bool:
    """A public address that can belong to one connection: not private, reserved, documentation or a resolver."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_global and not address.is_multicast and text not in PUBLIC_RESOLVERS


def _is_wallet(text: str) -> bool:
    return text.startswith("0x") or bool(bitcoin.is_valid(text))
