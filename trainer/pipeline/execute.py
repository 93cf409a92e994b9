"""From a work file of any kind to its output folder. Knows the order of the phases, exit codes, and how failures are
recorded; knows nothing of the web application.
"""

from __future__ import annotations

import resource
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.atomic import write_json, write_text
from trainer.data.dataset import TokenizedDataset
from trainer.errors import EXIT_FAILED, EXIT_STOPPED, Stopped, reason_of
from trainer.evaluation.generate import Generated
from trainer.evaluation.report import build_report, score_answers
from trainer.event_log import EventLog
from trainer.models import loading
from trainer.pipeline.output import Output, Stop, answer_limit, read_split
from trainer.protocol import Cost, EvaluateWork, Example, Report, ResolvedRecipe, System, TrainWork, read_work
from trainer.training.loop import FineTuning, TrainingJob, TrainingState
from trainer.training.recipe_defaults import resolve_recipe, validation_tokens

Datasets = dict[str, TokenizedDataset]


def run_file(path: Path, stop: Stop = lambda: False) -> int:
    """Run a work file and return the exit code: 0 done, 1 failed (`error.json` says why), 75 stopped, run again.

    `stop` is called between steps. Raises ValueError for a file that is not valid work.
    """
    work = read_work(path.read_text(encoding="utf-8"))
    folder = Path(work.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "error.json").unlink(missing_ok=True)
    events = EventLog(folder / "events.jsonl")
    output = Output(folder, events, stop)
    try:
        if output.is_finished():
            events.log("this work is already finished")
        elif isinstance(work, TrainWork):
            _train(work, output)
        else:
            _evaluate(work, output)
    except Stopped as stopped:
        events.log(str(stopped))
        return EXIT_STOPPED
    except Exception as error:  # every failure must reach the user with a reason
        traceback.print_exception(error)
        message = str(error) or type(error).__name__
        events.log(f"failed: {message}"[:2000])
        write_json(folder / "error.json", {"reason": reason_of(error), "error": message[:20_000]})
        return EXIT_FAILED
    finally:
        events.close()
    return 0


def _train(work: TrainWork, output: Output) -> None:
    """Answer with the base model, train, answer with the tuned model, save, report."""
    events, started = output.events, time.monotonic()
    events.phase("reading the data and the base model")
    files = {"train": work.train, "validation": work.validation, "test": work.test}
    splits = {name: read_split(name, file) for name, file in files.items()}
    base = loading.load_model(work.recipe.base_model)
    events.log(f"{work.recipe.base_model}: {base.parameters:,} parameters")
    datasets = {name: TokenizedDataset(rows, base.chat, work.recipe.max_length) for name, rows in splits.items()}
    for name, dataset in datasets.items():
        cut = f", {dataset.truncated:,} truncated to {work.recipe.max_length:,} tokens" if dataset.truncated else ""
        events.log(f"{name}: {len(dataset):,} examples, {dataset.tokens:,} tokens{cut}")
    recipe = resolve_recipe(work.recipe, base.parameters, datasets["train"].tokens)
    write_text(output.folder / "resolved_recipe.json", recipe.model_dump_json(indent=1) + "\n")
    limit = answer_limit(recipe.max_new_tokens, datasets["test"].longest_completion)
    size = {"max_length": recipe.max_length, "limit": limit}
    before = output.answers("base", base.model, base.chat, splits["test"], **size)
    events.phase("training")
    tuned, state = _fine_tune(work, output, base, recipe, datasets)
    after = output.answers("tuned", tuned, base.chat, splits["test"], **size)
    events.phase("scoring and saving")
    output.publish("model", lambda folder: loading.save_model(tuned, base.chat, folder))
    # The seconds of this process, or of the training over all attempts if that is more.
    cost = _cost(max(time.monotonic() - started, state.seconds), state.tokens)
    answers = {"base": before, "tuned": after}
    report = _report(work, output, splits["test"], splits["train"], answers, cost, recipe.seed)
    scores = report.metrics[report.primary]
    events.phase(f"done: {report.primary} {scores['base'].value:.3f} -> {scores['tuned'].value:.3f}")


def _fine_tune(
    work: TrainWork, output: Output, base: loading.LoadedModel, recipe: ResolvedRecipe, datasets: Datasets
) -> tuple[Any, TrainingState]:
    model = loading.attach_adapters(base.model, recipe)
    job = TrainingJob(
        model=model,
        parameters=base.parameters,
        recipe=recipe,
        task=work.task,
        train=datasets["train"],
        validation=datasets["validation"],
        validation_tokens=validation_tokens(work.recipe),
        folder=output.folder / "checkpoints",
        events=output.events,
        stop=output.stop,
    )
    state = FineTuning(job).run()
    write_json(output.folder / "history.json", state.history)
    if recipe.method == "lora":
        output.publish("adapter", model.save_pretrained)
    return loading.merge_adapters(model), state


def _evaluate(work: EvaluateWork, output: Output) -> None:
    """Let every system answer the test split, one after the other, then report."""
    started = time.monotonic()
    output.events.phase("reading the data")
    test = read_split("test", work.test)
    train = read_split("train", work.train) if work.train else []
    outputs = {system.name: _answers(work, output, system, test) for system in work.systems}
    output.events.phase("scoring")
    cost = _cost(time.monotonic() - started, sum(answer.tokens for answers in outputs.values() for answer in answers))
    report = _report(work, output, test, train, outputs, cost, work.seed)
    scores = ", ".join(f"{name} {score.value:.3f}" for name, score in report.metrics[report.primary].items())
    output.events.phase(f"done: {report.primary} {scores}")


def _answers(work: EvaluateWork, output: Output, system: System, test: list[Example]) -> list[Generated]:
    """Load one system at a time; its memory is free when the next one loads."""
    loaded = loading.load_model(system.model)
    longest = TokenizedDataset(test, loaded.chat, work.max_length).longest_completion
    limit = answer_limit(work.max_new_tokens, longest)
    return output.answers(system.name, loaded.model, loaded.chat, test, max_length=work.max_length, limit=limit)


def _report(
    work: TrainWork | EvaluateWork,
    output: Output,
    test: list[Example],
    train: list[Example],
    outputs: Mapping[str, Sequence[Generated]],
    cost: Cost,
    seed: int,
) -> Report:
    answers = score_answers(work.task, test, outputs)
    report = build_report(work.task, answers, test, cost, train=train, contamination=work.contamination, seed=seed)
    output.write_report(report, answers)
    return report


def _cost(seconds: float, tokens: int) -> Cost:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Cost(seconds=seconds, tokens=tokens, peak_memory_bytes=peak)
