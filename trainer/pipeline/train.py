"""Training work: read, answer with the base model, train, answer with the tuned model, report, save.

Knows the order of the phases; knows nothing of the web application.
"""

from __future__ import annotations

import time
from typing import Any

from trainer.atomic import write_json, write_text
from trainer.data.chat_tokenizer import ChatTokenizer
from trainer.data.dataset import TokenizedDataset
from trainer.evaluation.report import build_report, score_answers
from trainer.models import adapters, loading
from trainer.pipeline.output import Output, answer_limit, cost_of, read_split
from trainer.protocol import Example, Report, ResolvedRecipe, TrainWork
from trainer.training.loop import FineTuning, TrainingJob, TrainingState
from trainer.training.recipe_defaults import resolve_recipe, validation_tokens

Splits = dict[str, list[Example]]
Datasets = dict[str, TokenizedDataset]


class TrainingRun:
    def __init__(self, work: TrainWork, output: Output) -> None:
        self.work, self.output, self.events = work, output, output.events

    def execute(self) -> Report:
        """Do the work, or return the report of an earlier attempt. Raises UserError, NonFiniteLoss, Stopped."""
        if report := self.output.finished_report():
            return report
        started = time.monotonic()
        self.events.phase("reading the data and the base model")
        files = {"train": self.work.train, "validation": self.work.validation, "test": self.work.test}
        splits = {name: read_split(name, file) for name, file in files.items()}
        base = loading.load_model(self.work.recipe.base_model)
        self.events.log(f"{self.work.recipe.base_model}: {base.parameters:,} parameters")
        datasets = self._tokenize(splits, base.chat)
        recipe = resolve_recipe(self.work.recipe, base.parameters, datasets["train"].tokens)
        write_text(self.output.folder / "resolved_recipe.json", recipe.model_dump_json(indent=1) + "\n")
        limit = answer_limit(recipe.max_new_tokens, datasets["test"].longest_completion)
        size = {"max_length": recipe.max_length, "limit": limit}
        before = self.output.answers("base", base.model, base.chat, splits["test"], **size)
        self.events.phase("training")
        tuned, state = self._train(base, recipe, datasets)
        after = self.output.answers("tuned", tuned, base.chat, splits["test"], **size)
        self.events.phase("scoring and saving")
        self.output.publish("model", lambda folder: loading.save_model(tuned, base.chat, folder))
        # The seconds of this process, or of the training over all attempts if that is more.
        cost = cost_of(max(time.monotonic() - started, state.seconds), state.tokens)
        answers = score_answers(self.work.task, splits["test"], {"base": before, "tuned": after})
        report = build_report(
            self.work.task,
            answers,
            splits["test"],
            cost,
            train=splits["train"],
            contamination=self.work.contamination,
            seed=recipe.seed,
        )
        self.output.write_report(report, answers)
        scores = report.metrics[report.primary]
        self.events.phase(f"done: {report.primary} {scores['base'].value:.3f} -> {scores['tuned'].value:.3f}")
        return report

    def _tokenize(self, splits: Splits, chat: ChatTokenizer) -> Datasets:
        length = self.work.recipe.max_length
        datasets = {name: TokenizedDataset(rows, chat, length) for name, rows in splits.items()}
        for name, dataset in datasets.items():
            cut = f", {dataset.truncated:,} truncated to {length:,} tokens" if dataset.truncated else ""
            self.events.log(f"{name}: {len(dataset):,} examples, {dataset.tokens:,} tokens{cut}")
        return datasets

    def _train(
        self, base: loading.LoadedModel, recipe: ResolvedRecipe, datasets: Datasets
    ) -> tuple[Any, TrainingState]:
        model = adapters.attach_adapters(base.model, recipe)
        job = TrainingJob(
            model=model,
            parameters=base.parameters,
            recipe=recipe,
            task=self.work.task,
            train=datasets["train"],
            validation=datasets["validation"],
            validation_tokens=validation_tokens(self.work.recipe),
            folder=self.output.folder / "checkpoints",
            events=self.events,
            stop=self.output.stop,
        )
        state = FineTuning(job).run()
        write_json(self.output.folder / "history.json", state.history)
        if recipe.method == "lora":
            self.output.publish("adapter", model.save_pretrained)
        return adapters.merge_adapters(model), state
