"""Answers of both models -> scores, slices, references: the report. Knows the protocol; runs no model itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from trainer.evaluation import metrics
from trainer.evaluation.baselines import reference_scores
from trainer.evaluation.generate import Generated
from trainer.evaluation.statistics import compare, macro_f1
from trainer.protocol import LOWER_IS_BETTER, Answer, AnswerText, Cost, Example, MetricResult, Report, RunSpec, Slice

SMALLEST_SLICE = 5
MOST_SLICES = 200


def answers(
    spec: RunSpec, test: Sequence[Example], base: Sequence[Generated], tuned: Sequence[Generated]
) -> list[Answer]:
    references = [example.messages[-1].content for example in test]
    scorers = {name: metrics.scorer(name, references) for name in metrics.names(spec.task, references)}
    found = []
    for example, before, after in zip(test, base, tuned, strict=True):
        reference = example.messages[-1].content
        scores = {
            name: {"base": score(before.text, reference), "tuned": score(after.text, reference)}
            for name, score in scorers.items()
        }
        found.append(
            Answer(
                id=example.id,
                prompt=_prompt_text(example),
                reference=reference,
                base=AnswerText(text=before.text, seconds=before.seconds),
                tuned=AnswerText(text=after.text, seconds=after.seconds),
                scores=scores,
                tags=example.tags,
            )
        )
    return found


def _prompt_text(example: Example) -> str:
    before = example.messages[:-1]
    return before[0].content if len(before) == 1 else "\n\n".join(f"{m.role}: {m.content}" for m in before)


def report(spec: RunSpec, given: list[Answer], train: Sequence[Example], test: Sequence[Example], cost: Cost) -> Report:
    names = list(given[0].scores)
    results = {name: _compare(given, name, spec.recipe.seed) for name in names}
    if spec.task == "classification":
        results["macro_f1"] = _macro_f1(given, spec.recipe.seed)
    references, note = reference_scores(train, test)
    notes = [note] if note else []
    if names[0] in LOWER_IS_BETTER:
        notes.append(f"{names[0]}: lower is better, so a negative difference is a gain")
    return Report(
        n=len(given),
        primary=names[0],
        metrics=results,
        references=references,
        slices=_slices(given, names[0], spec.recipe.seed),
        contamination=spec.contamination,
        cost=cost,
        notes=notes,
    )


def _compare(given: Sequence[Answer], name: str, seed: int) -> MetricResult:
    base = np.array([answer.scores[name]["base"] for answer in given])
    tuned = np.array([answer.scores[name]["tuned"] for answer in given])
    return compare(base, tuned, name in metrics.BINARY, seed)


def _macro_f1(given: Sequence[Answer], seed: int) -> MetricResult:
    texts = [(answer.reference, answer.base.text, answer.tuned.text) for answer in given]
    references, base, tuned = ([metrics.normal(text) for text in column] for column in zip(*texts, strict=True))
    return macro_f1(references, base, tuned, seed)


def _slices(given: Sequence[Answer], primary: str, seed: int) -> list[Slice]:
    """By each tag value that at least SMALLEST_SLICE test examples carry, the most frequent first."""
    groups: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    for answer in given:
        for pair in answer.tags.items():
            groups[pair].append(answer)
    large = sorted(
        (pair for pair in groups if len(groups[pair]) >= SMALLEST_SLICE), key=lambda pair: -len(groups[pair])
    )
    return [_slice(pair, groups[pair], primary, seed) for pair in large[:MOST_SLICES]]


def _slice(pair: tuple[str, str], group: list[Answer], primary: str, seed: int) -> Slice:
    found = _compare(group, primary, seed)
    tag, value = pair
    return Slice(
        tag=tag, value=value, n=len(group), metric=primary, base=found.base, tuned=found.tuned, delta=found.delta
    )
