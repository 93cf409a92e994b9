"""Copies, near copies and contradictions among the neighbors of a pair. Pure: neighbors are passed in.

Two answers to one question contradict each other by their label, number or code. Prose differs by its numbers, by yes
and no, by a denial, or by sharing few words; other wording alone is no difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from app.domain.checks.problem import Neighbor, Problem, Severity
from app.domain.checks.similarity.minhash import normalize
from app.domain.checks.similarity.paraphrase import LITTLE, NEGATION, stem

SHOWN = 5
OTHERWISE = "write a different case."
PROSE = ("generation", "translation")
NUMBER = re.compile(r"(?<![\w.])[-−]?\d[\d,]{0,20}(?:\.\d{1,12})?(?![\w])")
FINAL = re.compile(r"(?:####|\banswer(?: is|:)|=)\s{0,4}[$€£]?([-−]?\d[\d,]{0,20}(?:\.\d{1,12})?)[^\w\n]{0,4}$")
YES_NO = re.compile(r"\W{0,4}(yes|no|true|false)\b", re.IGNORECASE)
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
LEAST_SHARED = 0.4  # of the content words of the shorter answer
SHORT, LONG = 5, 60  # content words: below, each counts; above, one denial among them tells nothing
QUOTED = 40


def check_duplicates(completion: str, neighbours: Sequence[Neighbor], task: str = "generation") -> Iterator[Problem]:
    """Blocks an exact copy, warns of near copies, and of a near-identical prompt with another answer."""
    if not neighbours:
        return
    answer = normalize(completion)
    exact = [n for n in neighbours if _is_copy(n) and normalize(n.completion) == answer]
    if exact:
        yield _problem("duplicate", "This pair already exists; open the existing one instead.", exact)
        return
    differ = {id(n): difference(completion, n.completion, task) for n in neighbours}
    same = [n for n in neighbours if not differ[id(n)]]
    if near := [n for n in same if n.by == "wording"]:
        yield _problem("near_duplicate", f"A pair with almost the same wording exists; {OTHERWISE}", near)
    if same_meaning := [n for n in same if n.by == "meaning"]:
        yield _problem(
            "same_meaning", f"A pair that asks the same thing in other words exists; {OTHERWISE}", same_meaning
        )
    if other := [n for n in neighbours if differ[id(n)]]:
        yield _problem("contradiction", _words(other[0], differ[id(other[0])]), other)


def _is_copy(neighbour: Neighbor) -> bool:
    return neighbour.by == "wording" and neighbour.similarity >= 1.0


def _words(other: Neighbor, differs: str) -> str:
    """Neighbors by wording come first; the message says when only the wording is alike."""
    alike = "almost the same prompt" if other.by == "wording" else "a prompt of the same meaning"
    return f"A pair with {alike} has {differs}; correct one, or make the prompts distinguish the two cases."


def _problem(code: str, message: str, neighbours: Sequence[Neighbor]) -> Problem:
    field = "completion" if code == "contradiction" else "prompt"
    severity: Severity = "block" if code == "duplicate" else "warn"
    return Problem(code, message, field, neighbours=tuple(neighbours[:SHOWN]), severity=severity)


def difference(own: str, other: str, task: str = "generation") -> str:
    """Describe what the other answer says instead; empty where both agree."""
    left, right = normalize(own), normalize(other)
    if left == right:
        return ""
    if task == "classification":
        same = left.strip(" .!\"'") == right.strip(" .!\"'")
        return "" if same else f"the label {_short(other)} instead of {_short(own)}"
    numbers = _single(left), _single(right)
    if None not in numbers:
        return "" if numbers[0] == numbers[1] else f"the number {_short(other)} instead of {_short(own)}"
    return _of_prose(own, other) if task in PROSE else "another answer"


def _short(text: str) -> str:
    clean = " ".join(text.split())
    return f"“{clean if len(clean) <= QUOTED else clean[: QUOTED - 1] + '…'}”"


def _single(text: str) -> float | None:
    match = NUMBER.fullmatch(text.strip(" .$€£%"))
    return _value(match.group()) if match else None


def _value(number: str) -> float:
    return float(number.replace(",", "").replace("−", "-"))


def _of_prose(own: str, other: str) -> str:
    finals = FINAL.search(own.rstrip()), FINAL.search(other.rstrip())
    if finals[0] and finals[1]:
        mine, theirs = finals[0].group(1), finals[1].group(1)
        return "" if _value(mine) == _value(theirs) else f"the result {theirs} instead of {mine}"
    answers = YES_NO.match(own), YES_NO.match(other)
    if answers[0] and answers[1] and answers[0].group(1).casefold() != answers[1].group(1).casefold():
        return f"“{answers[1].group(1)}” instead of “{answers[0].group(1)}”"
    return _other_number(own, other) or _other_words(own, other)


def _other_number(own: str, other: str) -> str:
    """Only where each names one that the other lacks: a longer answer may well name more."""
    mine, theirs = ({_value(number): number for number in NUMBER.findall(text)} for text in (own, other))
    lacks, has = [theirs[value] for value in theirs.keys() - mine], [mine[value] for value in mine.keys() - theirs]
    return f"the number {sorted(lacks)[0]} instead of {sorted(has)[0]}" if lacks and has else ""


def _other_words(own: str, other: str) -> str:
    left, right = (
        {stem(word) for word in WORD.findall(text[:20_000]) if word.lower() not in LITTLE} for text in (own, other)
    )
    fewer, shared = min(len(left), len(right)), len(left & right)
    if fewer <= SHORT and (not fewer or (left - right and right - left)):
        return "another answer"
    if shared < LEAST_SHARED * fewer:
        return "an answer that shares few words with this one"
    if bool(NEGATION.search(own)) != bool(NEGATION.search(other)) and max(len(left), len(right)) <= LONG:
        return "an answer that says the opposite"
    return ""
