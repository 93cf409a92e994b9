"""One run from its recipe to its output folder: read, answer by the base, train, answer by the tuned, report, save.

Knows the order of the phases and the files of the output folder; knows nothing of the web application.
"""

from __future__ import annotations

import json
import resource
import shutil
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.atomic import publish_folder, write_json, write_text
from trainer.data.chat_tokenizer import ChatTokenizer
from trainer.data.dataset import TokenizedDataset, read_examples
from trainer.errors import EXIT_FAILED, EXIT_STOPPED, Stopped, UserError, reason_of
from trainer.evaluation import report
from trainer.evaluation.generate import Generated, generate
from trainer.event_log import EventLog
from trainer.models import adapters, loading
from trainer.protocol import Answer, Cost, DataFile, Example, Report, RunSpec
from trainer.training.loop import FineTuning, Job, State

Stop = Callable[[], bool]


def run_file(recipe: Path, stop: Stop = lambda: False) -> int:
    """Run a recipe file and return the exit code: 0 done, 1 failed (`error.json` says why), 75 stopped, run again."""
    spec = RunSpec.model_validate_json(recipe.read_text(encoding="utf-8"))
    out = Path(spec.output_dir)
    out.mkdir(parents=True, exist_ok=True)
    (out / "error.json").unlink(missing_ok=True)
    events = EventLog(out / "events.jsonl")
    try:
        Run(spec, events, stop).go()
    except Stopped as stopped:
        events.log(str(stopped))
        return EXIT_STOPPED
    except Exception as error:  # every failure must reach the person as a reason
        _record_failure(out, error, events)
        return EXIT_FAILED
    finally:
        events.close()
    return 0


def _record_failure(out: Path, error: Exception, events: EventLog) -> None:
    traceback.print_exception(error)
    message = str(error) or type(error).__name__
    events.log(f"failed: {message}"[:2000])
    write_json(out / "error.json", {"reason": reason_of(error), "error": message[:20_000]})


@dataclass(frozen=True)
class Splits:
    train: list[Example]
    validation: list[Example]
    test: list[Example]


class Run:
    def __init__(self, spec: RunSpec, events: EventLog, stop: Stop) -> None:
        self.spec, self.events, self.stop = spec, events, stop
        self.out = Path(spec.output_dir)

    def go(self) -> Report:
        if (self.out / "report.json").exists():
            self.events.log("this run was already finished")
            return Report.model_validate_json((self.out / "report.json").read_text(encoding="utf-8"))
        started = time.monotonic()
        self.events.phase("reading the data and the base model")
        splits = self._splits()
        base = loading.load_base(self.spec.recipe.base_model)
        self.events.log(f"{self.spec.recipe.base_model}: {base.parameters:,} parameters")
        stores = self._stores(splits, base.chat)
        limit = self._answer_limit(stores["test"])
        before = self._answers("base", base.model, base.chat, splits.test, limit)
        self.events.phase("training")
        tuned, state = self._train(base, stores)
        after = self._answers("tuned", tuned, base.chat, splits.test, limit)
        return self._finish(splits, before, after, self._cost(state, started), (tuned, base.chat))

    def _splits(self) -> Splits:
        found = Splits(*(_read(file) for file in (self.spec.train, self.spec.validation, self.spec.test)))
        for name, examples in asdict_names(found).items():
            if not examples:
                raise UserError(f"the {name} split is empty; a run needs at least one example in each")
        return found

    def _stores(self, splits: Splits, chat: ChatTokenizer) -> dict[str, TokenizedDataset]:
        length = self.spec.recipe.max_length
        stores = {name: TokenizedDataset(rows, chat, length) for name, rows in asdict_names(splits).items()}
        for name, store in stores.items():
            cut = f", {store.truncated} cut to {length} tokens" if store.truncated else ""
            self.events.log(f"{name}: {len(store)} examples, {store.tokens} tokens{cut}")
        return stores

    def _answer_limit(self, test: TokenizedDataset) -> int:
        """An untrained base rambles to the limit on every prompt: no use in going far beyond the longest reference."""
        return min(self.spec.recipe.max_new_tokens, test.longest_completion + test.longest_completion // 4 + 8)

    def _answers(self, who: str, mind: Any, chat: ChatTokenizer, test: list[Example], limit: int) -> list[Generated]:
        """Kept on disk by side, so that a resumed run does not answer twice."""
        kept = self.out / f"answers-{who}.json"
        if kept.exists():
            return [Generated(**item) for item in json.loads(kept.read_text(encoding="utf-8"))]
        self.events.phase(f"answering the test split with the {who} model")
        longest = self.spec.recipe.max_length
        prompts = [chat.prompt_ids(example.messages[:-1])[-longest:] for example in test]
        made = generate(mind, chat, prompts, limit, self._on_answers(who))
        write_json(kept, [asdict(item) for item in made])
        return made

    def _on_answers(self, who: str) -> Callable[[int, int], None]:
        reported = started = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal reported
            if self.stop():
                raise Stopped("stopped on request while answering")
            now = time.monotonic()
            if now - reported >= 1:
                reported = now
                left = (now - started) / done * (total - done)
                self.events.log(f"{who} model: {done} of {total} answers", eta_seconds=left)

        return progress

    def _train(self, base: loading.Base, stores: dict[str, TokenizedDataset]) -> tuple[Any, State]:
        recipe = self.spec.recipe
        student = adapters.attach_adapters(base.model, recipe)
        job = Job(
            model=student,
            parameters=base.parameters,
            recipe=recipe,
            task=self.spec.task,
            train=stores["train"],
            validation=stores["validation"],
            folder=self.out / "checkpoints",
            events=self.events,
            stop=self.stop,
        )
        state = FineTuning(job).run()
        write_json(self.out / "history.json", state.history)
        if recipe.method == "lora":
            self._publish("adapter", student.save_pretrained)
        return adapters.merge_adapters(student), state

    def _finish(
        self,
        splits: Splits,
        base: list[Generated],
        tuned: list[Generated],
        cost: Cost,
        result: tuple[Any, ChatTokenizer],
    ) -> Report:
        self.events.phase("scoring and saving")
        self._publish("model", lambda folder: loading.save_model(*result, folder))
        found = report.answers(self.spec, splits.test, base, tuned)
        made = report.report(self.spec, found, splits.train, splits.test, cost)
        write_text(self.out / "answers.jsonl", _lines(found))
        write_text(self.out / "report.json", made.model_dump_json(indent=1) + "\n")
        self._tidy()
        first = made.metrics[made.primary]
        self.events.phase(f"done: {made.primary} {first.base.value:.3f} -> {first.tuned.value:.3f}")
        return made

    def _publish(self, name: str, save: Callable[[Path], Any]) -> None:
        temporary = self.out / f"{name}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        save(temporary)
        publish_folder(temporary, self.out / name)

    def _tidy(self) -> None:
        """The report is the last word: what only a resume needs may go."""
        shutil.rmtree(self.out / "checkpoints", ignore_errors=True)
        for who in ("base", "tuned"):
            (self.out / f"answers-{who}.json").unlink(missing_ok=True)

    def _cost(self, state: State, started: float) -> Cost:
        """Seconds of this process, or of the training over all attempts where that is more."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        seconds = max(time.monotonic() - started, state.seconds)
        return Cost(seconds=seconds, tokens=state.tokens, peak_memory_bytes=peak)


def asdict_names(splits: Splits) -> dict[str, list[Example]]:
    return {"train": splits.train, "validation": splits.validation, "test": splits.test}


def _read(file: DataFile) -> list[Example]:
    if file.path is None:
        raise UserError("a split without a path: only the supervisor can fetch files by their hash")
    try:
        return read_examples(Path(file.path))
    except FileNotFoundError as error:
        raise UserError(f"no such split file: {file.path}") from error


def _lines(found: list[Answer]) -> str:
    return "".join(item.model_dump_json() + "\n" for item in found)
