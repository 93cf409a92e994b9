"""Scores of an answer against its reference, by task. Knows strings; knows nothing of models or intervals.

Strings are compared after NFC normalization, stripping, and folding runs of white space; case matters.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

from trainer.protocol import Task

Scorer = Callable[[str, str], float]


def normalize(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def exact_match(answer: str, reference: str) -> float:
    return float(normalize(answer) == normalize(reference))


def token_f1(answer: str, reference: str) -> float:
    """Return the overlap of words and punctuation marks as multisets (Rajpurkar et al. 2016, articles not dropped)."""
    predicted, expected = _words(answer), _words(reference)
    if not predicted or not expected:
        return float(predicted == expected)
    common = sum((Counter(predicted) & Counter(expected)).values())
    return 2 * common / (len(predicted) + len(expected))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", normalize(text))


def chrf(answer: str, reference: str) -> float:
    """Return the character n-gram F-score (Popović 2015) by sacrebleu, 0 to 1."""
    from sacrebleu import sentence_chrf

    return float(sentence_chrf(normalize(answer), [normalize(reference)]).score) / 100


def number(text: str) -> float | None:
    """Parse the whole text as a finite number, or return None."""
    try:
        value = float(normalize(text).replace(",", ""))
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
    """Return the task's metrics; a regression whose references are not all numbers falls back to exact match."""
    if task == "regression" and any(number(text) is None for text in references):
        return ("exact_match",)
    return BY_TASK[task]


def scorer(name: str, references: Sequence[str]) -> Scorer:
    """Return a function (answer, reference) -> score. `references` set the penalty of an answer without a number."""
    if name in _TEXT:
        return _TEXT[name]
    if name == "numeric":
        return lambda answer, reference: float(number(answer) is not None)
    values = [value for text in references if (value := number(text)) is not None]
    power = 2 if name == "squared_error" else 1
    return lambda answer, reference: _error(answer, reference, values) ** power


def _error(answer: str, reference: str, values: Sequence[float]) -> float:
    """Return the distance to the reference. An answer that is not a number costs as much as the farthest reference;
    otherwise an empty answer could beat a wrong one."""
    expected, predicted = number(reference) or 0.0, number(answer)
    if predicted is None:
        return max(abs(expected - value) for value in values)
    return abs(predicted - expected)
