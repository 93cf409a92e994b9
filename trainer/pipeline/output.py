"""The output folder of a piece of work: cached answers, published folders, report. Knows nothing of training."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.atomic import publish_folder, write_json, write_text
from trainer.data.chat_tokenizer import ChatTokenizer
from trainer.data.dataset import read_examples
from trainer.errors import Stopped, UserError
from trainer.evaluation.generate import Generated, generate
from trainer.event_log import EventLog
from trainer.protocol import Answer, DataFile, Example, Report

Stop = Callable[[], bool]


@dataclass(frozen=True)
class Output:
    """The folder, its event log, and `stop`, which is called between steps."""

    folder: Path
    events: EventLog
    stop: Stop

    def is_finished(self) -> bool:
        """Return whether an earlier attempt did all the work."""
        return (self.folder / "report.json").exists()

    def answers(
        self, system: str, model: Any, chat: ChatTokenizer, test: Sequence[Example], *, max_length: int, limit: int
    ) -> list[Generated]:
        """Answer every test prompt with at most `limit` new tokens, or return what an earlier attempt answered."""
        cache = self.folder / f"answers-{system}.json"
        if cache.exists():
            return [Generated(**item) for item in json.loads(cache.read_text(encoding="utf-8"))]
        self.events.phase(f"answering the test split with the {system} model")
        prompts = [chat.prompt_ids(example.messages[:-1])[-max_length:] for example in test]
        answers = generate(model, chat, prompts, limit, self._progress(system))
        write_json(cache, [asdict(item) for item in answers])
        return answers

    def _progress(self, system: str) -> Callable[[int, int], None]:
        reported = started = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal reported
            if self.stop():
                raise Stopped("stopped on request while answering")
            now = time.monotonic()
            if now - reported >= 1:
                reported = now
                left = (now - started) / done * (total - done)
                self.events.log(f"{system} model: {done:,} of {total:,} answers", eta_seconds=left)

        return progress

    def publish(self, name: str, save: Callable[[Path], Any]) -> None:
        """Let `save` fill a folder, then publish it under `name` whole or not at all."""
        temporary = self.folder / f"{name}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        save(temporary)
        publish_folder(temporary, self.folder / name)

    def write_report(self, report: Report, answers: Sequence[Answer]) -> None:
        """Write answers, then the report, whose presence ends the work; remove what only a resume needs."""
        lines = "".join(answer.model_dump_json() + "\n" for answer in answers)
        write_text(self.folder / "answers.jsonl", lines)
        write_text(self.folder / "report.json", report.model_dump_json(indent=1) + "\n")
        shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)
        for system in report.systems:
            (self.folder / f"answers-{system}.json").unlink(missing_ok=True)


def answer_limit(max_new_tokens: int, longest_reference: int) -> int:
    """An untrained base writes to the limit on every prompt: stop not far beyond the longest reference."""
    return min(max_new_tokens, longest_reference + longest_reference // 4 + 8)


def read_split(name: str, file: DataFile) -> list[Example]:
    """Read a split of at least one example. Raises UserError."""
    if file.path is None:
        raise UserError(f"the {name} split has no path; only the supervisor can fetch files by their hash")
    try:
        examples = read_examples(Path(file.path))
    except FileNotFoundError as error:
        raise UserError(f"the {name} split file {file.path} does not exist") from error
    if not examples:
        raise UserError(f"the {name} split is empty; it needs at least one example")
    return examples
