"""The scores of simple methods on the same test split, to put a gain over an untrained base in proportion.

Knows scikit-learn and examples; knows nothing of language models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from trainer.evaluation.metrics import exact_match, normalize
from trainer.evaluation.statistics import wilson
from trainer.protocol import Example, Interval

MAX_ANSWERS = 500


def baseline_scores(train: Sequence[Example], test: Sequence[Example]) -> tuple[dict[str, dict[str, Interval]], str]:
    """Return ({name: {"exact_match": interval}}, a note or ""): the most frequent answer, and a bag-of-words classifier
    where answers recur."""
    answers = [normalize(example.messages[-1].content) for example in train]
    common = Counter(answers).most_common(1)[0][0]
    scores = {"majority": _scored([common] * len(test), test)}
    distinct = len(set(answers))
    if distinct < 2 or distinct > min(MAX_ANSWERS, len(answers) / 2):
        return scores, f"no bag-of-words baseline: {distinct:,} distinct answers in {len(answers):,} training examples"
    scores["bag_of_words"] = _scored(_bag_of_words(train, answers, test), test)
    return scores, ""


def _bag_of_words(train: Sequence[Example], answers: list[str], test: Sequence[Example]) -> list[str]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=20_000)
    features = vectors.fit_transform([_prompt(example) for example in train])
    classifier = LogisticRegression(C=10, max_iter=100, tol=1e-3).fit(features, answers)
    return [str(label) for label in classifier.predict(vectors.transform([_prompt(example) for example in test]))]


def _prompt(example: Example) -> str:
    # The word keeps the vectorizer from failing on prompts that contain only symbols.
    return "prompt " + "\n".join(message.content for message in example.messages[:-1])


def _scored(answers: Sequence[str], test: Sequence[Example]) -> dict[str, Interval]:
    pairs = zip(answers, test, strict=True)
    hits = sum(exact_match(answer, example.messages[-1].content) for answer, example in pairs)
    return {"exact_match": wilson(int(hits), len(test))}
