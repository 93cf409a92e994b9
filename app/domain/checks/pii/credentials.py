"""Keys, tokens and passwords in a text: detect-secrets' named detectors, own patterns, and "password is …". Pure.

The detectors run only on lines where a cheap search hits. Those of entropy, of any address and of the words around a
value are left out: they flag ordinary text.
A token with a known form is a secret; a value beside the word "password" may be an example and is only a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from app.domain.checks.pii.redaction import PiiSpan

OWN = re.compile(
    r"\bsk-(?:proj-|ant-|or-|svcacct-)?[A-Za-z0-9_-]{20,200}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36,255}|\bgithub_pat_\w{40,255}"
    r"|\bglpat-[\w-]{20,}|\bxox[abeprs]-[A-Za-z0-9-]{10,200}|\bxapp-\d-[A-Za-z0-9-]{20,200}|\bhf_[A-Za-z0-9]{30,60}\b"
    r"|\bAIza[\w-]{35}\b|\bya29\.[\w-]{20,400}|\bnpm_[A-Za-z0-9]{36}\b|\bpypi-[\w-]{50,400}"
    r"|\bSG\.[\w-]{16,32}\.[\w-]{16,64}"
    r"|\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,120}|\bwhsec_[A-Za-z0-9]{24,80}|\bshpat_[a-f0-9]{32}\b"
    r"|\bdop_v1_[a-f0-9]{64}\b"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[A-Za-z0-9+/=\s:,-]{0,8000}-----END [A-Z ]{0,30}PRIVATE KEY-----)?"
    r"|\beyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{10,2000}"
)
HINT = re.compile(
    r"AKIA|AKC|AKCp|eyJ|sk_|sk-|rk_live|xox|hooks\.slack|ghp_|gho_|ghs_|ghu_|ghr_|gl[a-z]{1,6}-|npm|pypi|SG\.|BEGIN"
    r"|AccountKey|sq0|\bAC[a-z0-9]{32}|\bSK[a-z0-9]{32}|-us\d|discord|[MNO][\w-]{22,26}\.|artifactory|cloudant"
    r"|softlayer|\bsl_|ibm|\bcos\b|hmac|\d{8,10}:[\w-]{35}|://[^\s/:@]{1,80}:",
    re.IGNORECASE,
)
LEFT_OUT = {"Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector", "KeywordDetector"}
MAX_LINE = 1000
PASSWORD = re.compile(
    r"\b(?:password|passwd|passphrase|passcode|pwd|passwort|kennwort|mot de passe|contraseña|senha|wachtwoord"
    r"|api[_ -]?key|secret(?:[_ -]?key)?|access[_ -]?token|auth[_ -]?token)\b(?:\s(?:is|ist|est|es)\b"
    r"|\s?[:=]{1,2})\s{0,3}([\"'`]?)([^\s\"'`{}<>$,;]{6,80})",
    re.IGNORECASE,
)
NAMED = re.compile(r"pass|pwd|mot de|kennwort|contras|senha|wachtwoord|key|secret|token", re.IGNORECASE)
DIGIT = re.compile(r"\d|://")
MADE_UP = re.compile(r"example|changeme|your[-_ ]|placeholder|xxxx|\*\*\*|\.\.\.|^\W|\(|\)|//", re.IGNORECASE)


def find_credentials(text: str) -> Iterator[PiiSpan]:
    if "BEGIN " in text or any(len(word) >= 16 and DIGIT.search(word) for word in text.split()):
        yield from (PiiSpan(*match.span(), "secret") for match in OWN.finditer(text))
        if HINT.search(text):
            yield from _detected(text)
    for match in PASSWORD.finditer(text) if NAMED.search(text) else ():
        value = match.group(2).rstrip(".!?")
        if _mixed(value) and not MADE_UP.search(value):
            yield PiiSpan(match.start(2), match.start(2) + len(value), "password")


def _mixed(value: str) -> bool:
    """Letters and digits: "hunter2x", not "case-sensitive" and not "12"."""
    return len(value) >= 6 and any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _detected(text: str) -> Iterator[PiiSpan]:
    place = 0
    for line in text.splitlines(keepends=True):
        for shift in range(0, len(line), MAX_LINE):
            part = line[shift : shift + MAX_LINE]
            yield from _of_line(part, place + shift) if HINT.search(part) else ()
        place += len(line)


def _of_line(line: str, place: int) -> Iterator[PiiSpan]:
    for detector in _detectors():
        for value in {str(value) for value in detector.analyze_string(line)}:
            start = line.find(value)
            if value and start >= 0 and not MADE_UP.search(value):
                kind = "password" if detector.secret_type == "Basic Auth Credentials" else "secret"
                yield PiiSpan(place + start, place + start + len(value), kind)


@cache
def _detectors() -> list[Any]:
    """One of each; loaded at the first line that needs them (half a second)."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    kinds: Mapping[str, Any] = get_mapping_from_secret_type_to_class()
    return [kind() for kind in kinds.values() if kind.__name__ not in LEFT_OUT]
