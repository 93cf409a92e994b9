"""No text makes a check slow: each grows with its text, not with the square of it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from app.domain.checks import language
from app.domain.checks.code import check as code_check
from app.domain.checks.pii import check as pii_check
from app.domain.checks.similarity import minhash
from app.domain.checks.text import basic, invisible

LONG, LIMIT = 32_000, 5.0
BIT_OF = {
    "letters": "a",
    "digits": "1",
    "spaced digits": "1 ",
    "dashed digits": "1-",
    "brackets": "(1",
    "phone": "(415) 555-01 ",
    "braces": "{{",
    "insert": "[your ",
    "at": "a@",
    "dots": "a.",
    "token": "eyJ-",
    "tokens": "eyJaaaaaaaaaaa.",
    "key": "sk-",
    "pem": "-----BEGIN ",
    "iban": "GB82 WEST 1234 5698 ",
    "spaces": " ",
    "lines": "\n",
    "turn": "### ",
    "markup": "<|aaaaaaaaaa",
    "fences": "```py\n",
    "sql fences": "```sql\nselect (\n```\n",
    "joiners": "\u200d",
    "tags": "\U000e0041",
    "overrides": "\u202ea",
    "selectors": "\ufe0f",
    "ligatures": "\ufdfa",
    "digits of others": "\u0661",
}
BLOCKS = {
    "py": ["(", "-", "a.", "lambda:", "[", "f'{", "not ", "\\\n", "if 1:\n "],
    "json": ["[", '{"a":', "1", '"\\'],
    "sql": [
        "(",
        "select (",
        "a and ",
        "case when ",
        "not ",
        "a,",
        "- ",
        "/*",
        "'",
        "join b ",
        "f(",
        ";",
        "union select 1 ",
    ],
}
CHECKS: dict[str, Callable[[str], object]] = {
    "text": lambda given: list(basic.check_text(given, given + "x")),
    "privacy": lambda given: list(pii_check.check_pii("prompt", given)),
    "code": lambda given: list(code_check.check_code("prompt", given)),
    "language": lambda given: list(language.check_language(given, ["en"])),
    "invisible": lambda given: list(invisible.check_invisible("prompt", given)),
    "duplicates": lambda given: minhash.band_keys(minhash.shingles(given)),
}


def repeated(bit: str, size: int) -> str:
    return bit * (size // len(bit))


@pytest.mark.assurance
@pytest.mark.parametrize("check", CHECKS)
def test_the_longest_text_of_the_worst_shape_is_checked_in_bounded_time(
    check: str, tally: Callable[[str, int], None]
) -> None:
    for name, bit in BIT_OF.items():
        began = time.process_time()
        CHECKS[check](repeated(bit, LONG))
        assert time.process_time() - began < LIMIT, name
    tally("pathological texts checked", len(BIT_OF))


@pytest.mark.assurance
@pytest.mark.parametrize("language", BLOCKS)
def test_code_that_nests_without_end_is_a_warning(language: str, tally: Callable[[str, int], None]) -> None:
    for bit in BLOCKS[language]:
        began, start = time.process_time(), "select " if language == "sql" else ""
        list(code_check.check_code("prompt", f"```{language}\n{start}{repeated(bit, LONG)}1\n```"))
        assert time.process_time() - began < LIMIT, bit
    tally("pathological texts checked", len(BLOCKS[language]))


@pytest.mark.parametrize("name", ["token", "letters", "braces", "overrides", "at", "spaces"])
def test_ten_times_the_text_takes_no_hundred_times_the_time(name: str) -> None:
    def seconds(size: int) -> float:
        given, began = repeated(BIT_OF[name], size), time.process_time()
        for check in ("text", "privacy", "invisible", "duplicates"):
            CHECKS[check](given)
        return time.process_time() - began

    seconds(1000)
    assert seconds(1_000_000) < 40 * (seconds(100_000) + 0.05)
