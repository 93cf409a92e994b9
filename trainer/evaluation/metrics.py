"""Scores of one answer against its reference, by kind of task. Knows strings; knows nothing of models or intervals.

Strings are compared after NFC normalisation, stripping, and folding runs of white space; case matters.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

from trainer.protocol import Task

Scorer = Callable[[str, str], float]


def normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def exact_match(answer: str, reference: str) -> float:
    return float(normal(answer) == normal(reference))


def token_f1(answer: str, reference: str) -> float:
    """Overlap of words and single punctuation marks as multisets (Rajpurkar et al. 2016, without dropping articles)."""
    found, wanted = _words(answer), _words(reference)
    if not found or not wanted:
        return float(found == wanted)
    common = sum((Counter(found) & Counter(wanted)).values())
    return 2 * common / (len(found) + len(wanted))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", normal(text))


def chrf(answer: str, reference: str) -> float:
    """Character n-gram F-score (Popović 2015) by sacrebleu, 0 to 1."""
    from sacrebleu import sentence_chrf

    return float(sentence_chrf(normal(answer), [normal(reference)]).score) / 100


def number(text: str) -> float | None:
    """The number that the whole text is, or None."""
    try:
        value = float(normal(text).replace(",", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


BINARY = frozenset({"exact_match", "numeric"})
BY_TASK: dict[Task, tuple[str, ...]] = {  # the first is the primary metric
    "generation": ("chrf", "token_f1", "exact_match"),
    "classification": ("exact_match",),
    "extraction": ("token_f1", "exact_match", "chrf"),
    "translation": ("chrf", "exact_match"),
    "regression": ("absolute_error", "squared_error", "numeric", "exact_match"),
    "code": ("exact_match", "chrf"),
}
_TEXT: dict[str, Scorer] = {"exact_match": exact_match, "token_f1": token_f1, "chrf": chrf}


def names(task: Task, references: Sequence[str]) -> tuple[str, ...]:
    """The task's metrics; a regression whose references are not all numbers falls back to exact match."""
    if task == "regression" and any(number(text) is None for text in references):
        return ("exact_match",)
    return BY_TASK[task]


def scorer(name: str, references: Sequence[str]) -> Scorer:
    """A function (answer, reference) -> score. `references` are needed to charge answers that are no number."""
    if name in _TEXT:
        return _TEXT[name]
    if name == "numeric":
        return lambda answer, reference: float(number(answer) is not None)
    values = [value for text in references if (value := number(text)) is not None]
    power = 2 if name == "squared_error" else 1
    return lambda answer, reference: _error(answer, reference, values) ** power


def _error(answer: str, reference: str, values: Sequence[float]) -> float:
    """Distance to the reference. No number at all costs as much as the farthest reference, or silence would pay."""
    wanted, found = number(reference) or 0.0, number(answer)
    if found is None:
        return max(abs(wanted - value) for value in values)
    return abs(found - wanted)
