"""Evaluation work: every system answers the test split, one after the other; then the report.

Knows the order of the phases; knows nothing of training or of the web application.
"""

from __future__ import annotations

import time

from trainer.data.dataset import TokenizedDataset
from trainer.evaluation.generate import Generated
from trainer.evaluation.report import build_report, score_answers
from trainer.models import loading
from trainer.pipeline.output import Output, answer_limit, cost_of, read_split
from trainer.protocol import EvaluateWork, Example, Report, System


class EvaluationRun:
    def __init__(self, work: EvaluateWork, output: Output) -> None:
        self.work, self.output, self.events = work, output, output.events

    def execute(self) -> Report:
        """Do the work, or return the report of an earlier attempt. Raises UserError, Stopped."""
        if report := self.output.finished_report():
            return report
        started = time.monotonic()
        self.events.phase("reading the data")
        test = read_split("test", self.work.test)
        train = read_split("train", self.work.train) if self.work.train else []
        outputs = {system.name: self._answers(system, test) for system in self.work.systems}
        self.events.phase("scoring")
        tokens = sum(answer.tokens for answers in outputs.values() for answer in answers)
        answers = score_answers(self.work.task, test, outputs)
        cost = cost_of(time.monotonic() - started, tokens)
        report = build_report(
            self.work.task, answers, test, cost, train=train, contamination=self.work.contamination, seed=self.work.seed
        )
        self.output.write_report(report, answers)
        scores = ", ".join(f"{name} {score.value:.3f}" for name, score in report.metrics[report.primary].items())
        self.events.phase(f"done: {report.primary} {scores}")
        return report

    def _answers(self, system: System, test: list[Example]) -> list[Generated]:
        """Load one system at a time; its memory is free when the next one loads."""
        loaded = loading.load_model(system.model)
        longest = TokenizedDataset(test, loaded.chat, self.work.max_length).longest_completion
        limit = answer_limit(self.work.max_new_tokens, longest)
        return self.output.answers(
            system.name, loaded.model, loaded.chat, test, max_length=self.work.max_length, limit=limit
        )
