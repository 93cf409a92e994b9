"""Whether two prompts ask the same in other words: a logistic model over text features and their cosine.

Fitted on half of two sets of paraphrases, the weight of facets on half of a set of questions made from forms
(benchmarks/duplicates.py reports the other halves). A cosine alone cannot tell "course 550" from "course 583", nor the
symptoms of a disease from its treatment; numbers, names, negation, the kind of question and its facet can. English.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

THRESHOLD = 0.7
LEAST_COSINE = 0.6
MOST_CHARACTERS = 4_000
FEW_WORDS, LEAST_LITTLE = 5, 0.12  # most of English has twice as many little words; other languages have hardly any
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
DIGITS = re.compile(r"\d+")
NEGATION = re.compile(
    r"\b(?:not|no|never|none|without|cannot|neither|nor|nothing|nobody|unable|except|dont|cant|doesnt|isnt)\b|n['’]t\b",
    re.IGNORECASE,
)
TITLE = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|Prof|St|[A-Z])\.$")
COUNTED = ("zero", "_", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBERS = {word: str(number) for number, word in enumerate(COUNTED)}
_LITTLE = """
a an the and or but of to in on at by for from with as is are was were be been being am do does did have has
had i you he she it we they me my your his her its our their this that these those there here would could can
will shall should may might must if then than so such what which who whom whose when where why how please tell
give show list name let know want need like any some all every each also just about into out up down over
under s t re ve ll d m n't not no
"""
LITTLE = frozenset(_LITTLE.split())
KINDS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bwho(?:m|se)?\b",
        r"\bwhen\b|\bwhat time\b",
        r"\bwhere\b",
        r"\bwhy\b|\bhow come\b",
        r"\bhow (?:many|much|long|often|far|old|big)\b|\bnumber of\b|\bamount of\b",
        r"\bhow (?:do|can|to|should|would)\b",
    )
)
ASKS = re.compile(
    r"\?|^\W*(?:wh(?:at|en|ere|y|o|om|ose|ich)|how|is|are|was|were|can|could|do|does|did|should|will|would|may|tell"
    r"|explain|list|describe|give|name|show|define|compare|find)\b",
    re.IGNORECASE,
)
# What a question asks of its subject. Two forms filled in for one subject differ in this word alone.
FACETS = tuple(
    re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)
    for pattern in (
        r"caus(?:e|es|ed|ing)|reasons?|why|leads? to|due to|origins?",
        r"symptoms?|signs?|indicat(?:es?|ions?|ors?)|(?:feel|look)s? like",
        r"treat(?:s|ed|ing|ments?|able)?|cur(?:e|es|ed|able)|therap(?:y|ies)|remed(?:y|ies)|fix(?:es|ed|ing)?"
        r"|repair(?:s|ed|ing)?|solv(?:e|es|ed|ing)|solutions?",
        r"prevent(?:s|ed|ing|ion)?|avoid(?:s|ed|ing)?|protect(?:s|ed|ing|ion)?",
        r"risks?|likely to|chances?|prone to|dangers?|dangerous",
        r"diagnos(?:e|es|ed|is|tic)|detect(?:s|ed|ing|ion)?|tests? for|recogni[sz]e|identif(?:y|ied)"
        r"|tell (?:if|whether)",
        r"outlook|prognosis|survival|outcomes?|complications?|consequences?|effects?|affect(?:s|ed)?|impacts?",
        r"benefits?|advantages?|pros",
        r"costs?|prices?|fees?|expensive|cheap",
        r"differences?|compared?|versus|vs|better than",
        r"research|clinical trials?|evidence|studies",
    )
)
INTERCEPT = -12.14
WEIGHTS = (13.49, -10.07, -3.03, -6.07, -2.72, -1.89, -0.55, 8.34, 0.96, -0.13, -6.0)


@dataclass(frozen=True)
class TextFeatures:
    """What is compared of a text, beside its vector."""

    words: int
    stems: frozenset[str]
    content: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    negated: bool
    kinds: frozenset[int]
    facets: frozenset[int]
    english: bool


def text_features(text: str) -> TextFeatures:
    """The numbers, names, content words and kind of question of a text; of a long one, its beginning and its end."""
    if len(text) > MOST_CHARACTERS:
        text = text[: MOST_CHARACTERS // 2] + "\n" + text[-MOST_CHARACTERS // 2 :]
    words = [(match.group(), match.start()) for match in WORD.finditer(text)]
    number_words = {NUMBERS[word.lower()] for word, _ in words if word.lower() in NUMBERS}
    asks = bool(ASKS.search(text))
    return TextFeatures(
        words=len(words),
        stems=frozenset(stem(word) for word, _ in words),
        content=frozenset(stem(word) for word, _ in words if word.lower() not in LITTLE and not word.isdigit()),
        numbers=frozenset(digits.lstrip("0") or "0" for digits in DIGITS.findall(text)) | number_words,
        names=frozenset(stem(word) for word, at in words if _is_name(text, word, at)),
        negated=bool(NEGATION.search(text)),
        kinds=frozenset(i for i, kind in enumerate(KINDS) if kind.search(text)),
        facets=frozenset(i for i, facet in enumerate(FACETS) if asks and facet.search(text)),
        english=len(words) < FEW_WORDS or sum(word.lower() in LITTLE for word, _ in words) >= LEAST_LITTLE * len(words),
    )


def stem(word: str) -> str:
    """The word without its ending: crude, the same for both texts."""
    word = word.lower().removesuffix("'s").removesuffix("’s")
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _is_name(text: str, word: str, at: int) -> bool:
    """A capital that no sentence begins with."""
    if not word[0].isupper() or word == "I" or word.startswith(("I'", "I’")):
        return False
    before = text[max(0, at - 8) : at].rstrip(" \"'“‘(-")
    return bool(before) and (before[-1] not in ".!?:\n" or bool(TITLE.search(before)))


def features(cosine: float, own: TextFeatures, other: TextFeatures) -> tuple[float, ...]:
    """In the order of WEIGHTS: what is the same, and what each has that the other lacks."""
    numbers = (bool(own.numbers - other.numbers), bool(other.numbers - own.numbers))
    names = (bool(own.names - other.stems), bool(other.names - own.stems))
    shared, union = len(own.content & other.content), len(own.content | other.content)
    return (
        cosine,
        float(all(numbers)),
        float(numbers[0] != numbers[1]),
        float(all(names)),
        float(names[0] != names[1]),
        float(own.negated != other.negated),
        float(min(2, len(own.kinds ^ other.kinds))),
        shared / union if union else 1.0,
        shared / max(1, min(len(own.content), len(other.content))),
        abs(math.log((own.words + 1) / (other.words + 1))),
        float(min(2, len(own.facets ^ other.facets))),
    )


def likelihood(cosine: float, own: TextFeatures, other: TextFeatures) -> float:
    """How likely the two ask the same, 0 to 1; a pair of THRESHOLD or more is shown."""
    if cosine < LEAST_COSINE or not (own.english and other.english):
        return 0.0
    values = features(cosine, own, other)
    return 1 / (1 + math.exp(-INTERCEPT - sum(w * f for w, f in zip(WEIGHTS, values, strict=True))))
