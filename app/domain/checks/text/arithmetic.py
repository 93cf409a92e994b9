"""Numbers in an answer: a requested number that is missing, and wrong arithmetic. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from app.domain.checks.problem import Fix, Problem

QUESTION = re.compile(
    r"\bhow (?:many|much (?:is|are|does|do|did|was|were|will|would|money|time|water|more|less)|old (?:is|are|was|were)"
    r"|far is|tall is)\b|\bwhat (?:percentage|percent|fraction"
    r"|is the (?:number|total|sum|average|mean|median|price|cost|dose|dosage)) of\b|\bwhat percentage\b"
    r"|\bwie ?viele?\b|\bwie hoch ist\b|\bcombien\b|\bcuántos?\b|\bcuántas?\b|\bquant[ieo]\b|\bhoeveel\b",
    re.IGNORECASE,
)
IN_WORDS = re.compile(
    r"\b(?:zero|none|no|nobody|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|twenty|thirty"
    r"|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|half|third|quarter|once|twice"
    r"|both|single|couple|several|unknown|depends?|varies|vary|many|few|most|all|keine?|ein(?:e[nmrs]?)?|zwei|drei"
    r"|vier|fünf|sechs|sieben|acht|neun|zehn|hundert|tausend|un[eoa]?|deux|trois|quatre|cinq|dix|cent|mille|dos|tres"
    r"|cuatro|cinco|diez|cien|mil|due|tre|quattro|dieci|cento|twee|drie|vijf|tien)\b",
    re.IGNORECASE,
)
NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d{1,8})?|\d{1,12}(?:\.\d{1,8})?"
TERM = rf"(?:[$€£]\s?)?(?:{NUMBER})"
SIDE = rf"{TERM}(?:\s{{0,3}}[-+*/×x÷·−–]\s{{0,3}}{TERM}){{0,7}}"
# Nothing may stand on the left that would belong to the sum: an operator, a bracket, a letter, a point.
EQUATION = re.compile(
    rf"(?<![\w.,)(^/*+×÷%$€£:-])(?<![-+*/×÷=x^(] )({SIDE}(?:\s{{0,3}}=\s{{0,3}}{SIDE}){{1,6}})(?![\w(^%°:]| ?\d"
    rf"|[.,]\d|\s{{0,2}}[-+*/×÷=^(%])"
)
OPERATORS = tuple("+-*/×x÷·−–=^(,.")
TWICE = re.compile(r"[/÷][^-+*×x·−–]*[/÷]")
TOKENS = re.compile(rf"{NUMBER}|[-+*/×x÷·−–]")


def check_arithmetic(prompt: str, completion: str, task: str = "generation") -> Iterator[Problem]:
    """A warning for each; "how many" only where the answer is prose, since a query or a label needs no number."""
    if task in ("generation", "regression") and _lacks_number(prompt, completion):
        yield Problem("no_number", "The prompt asks for a number and the completion has none; add it.", "completion")
    if "=" in completion:
        yield from _wrong_sums(completion)


def _lacks_number(prompt: str, completion: str) -> bool:
    has_question = QUESTION.search(prompt[-4000:]) and not re.search(r"\d", completion)
    return bool(has_question) and bool(completion.strip()) and not IN_WORDS.search(completion)


def _wrong_sums(completion: str) -> Iterator[Problem]:
    for match in EQUATION.finditer(completion):
        before = completion[max(0, match.start() - 4) : match.start()].rstrip()
        if before[-1:].isdigit() or before.endswith(OPERATORS):
            continue
        sides = match.group(1).split("=")
        if len(sides) > 2 and all(_is_number(side) for side in sides):
            continue
        shift = match.start(1)
        for left, right in pairwise(sides):
            value, stated = _value(left), _value(right)
            if value is not None and stated is not None and not _same(value, stated, right) and not _is_number(left):
                start = shift + len(left) + 1 + len(right) - len(right.lstrip())
                span = (start, shift + len(left) + 1 + len(right.rstrip()))
                yield _wrong(left.strip(), right.strip(), value, span)
            shift += len(left) + 1


def _wrong(left: str, right: str, value: Fraction, span: tuple[int, int]) -> Problem:
    correct = shown(value)
    fix = Fix(span, correct) if _is_number(right) else None
    return Problem("arithmetic", f"{left} is {correct}, not {right}; correct it.", "completion", span, fix=fix)


def _is_number(text: str) -> bool:
    return re.fullmatch(rf"\s*{TERM}\s*", text) is not None


def _same(value: Fraction, stated: Fraction, text: str) -> bool:
    """Equal to the digits that are written: 10/3 = 3.33, and 10/3 = 3 or 4."""
    decimals = max((len(number.split(".")[1]) for number in re.findall(NUMBER, text) if "." in number), default=0)
    return value == stated or (value.denominator != 1 and abs(value - stated) < Fraction(1, 10**decimals))


def shown(value: Fraction) -> str:
    """At most four decimals."""
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.4f}".rstrip("0").rstrip(".")


def _value(side: str) -> Fraction | None:
    """Products before sums, from left to right; None where it divides by zero or twice."""
    if TWICE.search(side):
        return None  # 3 / 1/4: which comes first?
    tokens = TOKENS.findall(side)
    total, sign, product, operator = Fraction(0), 1, Fraction(1), "*"
    for token in tokens:
        if not token[0].isdigit():
            if token in "+-−–":
                total, product, sign = total + sign * product, Fraction(1), 1 if token == "+" else -1
                operator = "*"
            else:
                operator = "/" if token in "/÷" else "*"
            continue
        number = Fraction(token.replace(",", ""))
        if operator == "/" and number == 0:
            return None
        product = product / number if operator == "/" else product * number
    return total + sign * product
