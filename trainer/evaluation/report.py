"""The answers of systems to scores, comparisons, slices and baselines: the report. Runs no language model."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trainer.evaluation import metrics
from trainer.evaluation.generate import Generated
from trainer.evaluation.statistics import macro_f1, paired_difference, score_interval, wilson
from trainer.protocol import (
    LOWER_IS_BETTER,
    Answer,
    AnswerText,
    Comparison,
    Cost,
    Difference,
    Example,
    Interval,
    Report,
    Slice,
    Task,
)

MIN_SLICE = 5
MAX_SLICES = 200
MAX_ANSWERS = 500  # distinct ones of a bag-of-words baseline
Outputs = Mapping[str, Sequence[Generated]]


def score_answers(task: Task, test: Sequence[Example], outputs: Outputs) -> list[Answer]:
    """Score every output. `outputs` maps a system to one output for each test example, in their order."""
    references = [example.messages[-1].content for example in test]
    scorers = {name: metrics.scorer(name, references) for name in metrics.names(task, references)}
    answers = []
    for at, (example, reference) in enumerate(zip(test, references, strict=True)):
        texts = {system: AnswerText(text=rows[at].text, seconds=rows[at].seconds) for system, rows in outputs.items()}
        scores = {
            name: {system: score(output.text, reference) for system, output in texts.items()}
            for name, score in scorers.items()
        }
        answers.append(
            Answer(
                id=example.id,
                prompt=_prompt_text(example),
                reference=reference,
                outputs=texts,
                scores=scores,
                tags=example.tags,
            )
        )
    return answers


def _prompt_text(example: Example) -> str:
    before = example.messages[:-1]
    return before[0].content if len(before) == 1 else "\n\n".join(f"{m.role}: {m.content}" for m in before)


def build_report(
    task: Task,
    answers: Sequence[Answer],
    test: Sequence[Example],
    cost: Cost,
    *,
    train: Sequence[Example] = (),
    contamination: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Report:
    """Aggregate scored answers. Without training examples the report has no baselines."""
    primary, *_ = names = list(answers[0].scores)
    scores, comparisons = {}, []
    for name in names:
        scores[name], differences = _aggregate(answers, name, seed)
        comparisons += differences
    if task == "classification":
        scores["macro_f1"], differences = _macro_f1(answers, seed)
        comparisons += differences
    baselines, note = baseline_scores(train, test) if train else ({}, "")
    notes = [note] if note else []
    if primary in LOWER_IS_BETTER:
        notes.append(f"{primary}: lower is better, so a negative difference is an improvement")
    return Report(
        n=len(answers),
        primary=primary,
        systems=list(answers[0].outputs),
        metrics=scores,
        comparisons=comparisons,
        baselines=baselines,
        slices=_slices(answers, primary, seed),
        contamination=dict(contamination or {}),
        cost=cost,
        notes=notes,
    )


def _aggregate(answers: Sequence[Answer], metric: str, seed: int) -> tuple[dict[str, Interval], list[Comparison]]:
    """Return (system -> interval, the comparison of each later system with the first)."""
    binary, (first, *others) = metric in metrics.BINARY, list(answers[0].outputs)
    scores = {system: np.array([answer.scores[metric][system] for answer in answers]) for system in (first, *others)}
    intervals = {system: score_interval(values, binary, seed) for system, values in scores.items()}
    deltas = {system: paired_difference(scores[system], scores[first], binary, seed) for system in others}
    return intervals, _comparisons(first, metric, deltas)


def _macro_f1(answers: Sequence[Answer], seed: int) -> tuple[dict[str, Interval], list[Comparison]]:
    references = [metrics.normalize(answer.reference) for answer in answers]
    labels = {
        system: [metrics.normalize(answer.outputs[system].text) for answer in answers] for system in answers[0].outputs
    }
    intervals, deltas = macro_f1(references, labels, seed)
    return intervals, _comparisons(next(iter(labels)), "macro_f1", deltas)


def _comparisons(first: str, metric: str, deltas: Mapping[str, Difference]) -> list[Comparison]:
    return [Comparison(a=system, b=first, metric=metric, delta=delta) for system, delta in deltas.items()]


def _slices(answers: Sequence[Answer], primary: str, seed: int) -> list[Slice]:
    """One slice for each tag value that at least MIN_SLICE test examples carry, the most frequent first."""
    groups: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    for answer in answers:
        for pair in answer.tags.items():
            groups[pair].append(answer)
    large = sorted((pair for pair in groups if len(groups[pair]) >= MIN_SLICE), key=lambda pair: -len(groups[pair]))
    return [_slice(pair, groups[pair], primary, seed) for pair in large[:MAX_SLICES]]


def _slice(pair: tuple[str, str], group: Sequence[Answer], primary: str, seed: int) -> Slice:
    scores, comparisons = _aggregate(group, primary, seed)
    tag, value = pair
    return Slice(tag=tag, value=value, n=len(group), metric=primary, scores=scores, comparisons=comparisons)


def baseline_scores(train: Sequence[Example], test: Sequence[Example]) -> tuple[dict[str, dict[str, Interval]], str]:
    """Return ({name: {"exact_match": interval}}, a note or ""): the most frequent answer, and a bag-of-words classifier
    where answers recur. They put a gain over an untrained base in proportion."""
    answers = [metrics.normalize(example.messages[-1].content) for example in train]
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
    features = vectors.fit_transform(map(_baseline_text, train))
    classifier = LogisticRegression(C=10, max_iter=100, tol=1e-3).fit(features, answers)
    return [str(label) for label in classifier.predict(vectors.transform(map(_baseline_text, test)))]


def _baseline_text(example: Example) -> str:
    # The word keeps the vectorizer from failing on prompts that contain only symbols.
    return "prompt " + "\n".join(message.content for message in example.messages[:-1])


def _scored(answers: Sequence[str], test: Sequence[Example]) -> dict[str, Interval]:
    pairs = zip(answers, test, strict=True)
    hits = sum(metrics.exact_match(answer, example.messages[-1].content) for answer, example in pairs)
    return {"exact_match": wilson(int(hits), len(test))}
