"""A run from work file to output folder: success, failure, stop, and kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.conftest import rows
from trainer.errors import EXIT_FAILED, EXIT_STOPPED
from trainer.event_log import EventLog, read_events
from trainer.pipeline.execute import run_file
from trainer.protocol import Answer, Report

Recipe = Callable[..., Path]


def out_of(recipe: Path) -> Path:
    return Path(json.loads(recipe.read_text())["output_dir"])


def steps_of(out: Path) -> list[int]:
    return [event.step for event in read_events(out / "events.jsonl") if event.kind == "validation"]


def test_run_writes_report_answers_and_model(recipe_file: Recipe) -> None:
    recipe = recipe_file()
    assert run_file(recipe) == 0
    out = out_of(recipe)
    report = Report.model_validate_json((out / "report.json").read_text())
    answers = [Answer.model_validate_json(line) for line in (out / "answers.jsonl").read_text().splitlines()]
    assert report.n == len(answers) == 12
    assert set(report.metrics) == {"exact_match", "macro_f1"}
    assert report.baselines["bag_of_words"]["exact_match"].value == 1
    assert {(s.tag, s.value, s.n) for s in report.slices} == {("half", "first", 6), ("half", "second", 6)}
    assert report.systems == ["base", "tuned"] and set(answers[0].outputs) == {"base", "tuned"}
    assert {(c.a, c.b, c.metric) for c in report.comparisons} == {("tuned", "base", name) for name in report.metrics}
    assert report.contamination == {"leaks": 0}
    assert (out / "model" / "model.safetensors").exists()
    assert not (out / "checkpoints").exists()
    events = read_events(out / "events.jsonl")
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


def test_same_seed_gives_the_same_losses(recipe_file: Recipe, tmp_path: Path) -> None:
    recipe = recipe_file(epochs=1)
    losses = []
    for name in ("first", "second"):
        spec = json.loads(recipe.read_text()) | {"output_dir": str(tmp_path / name)}
        recipe.write_text(json.dumps(spec))
        assert run_file(recipe) == 0
        history = json.loads((tmp_path / name / "history.json").read_text())
        losses.append([item["validation_loss"] for item in history if "validation_loss" in item])
    assert losses[0] == losses[1]


def test_tuned_model_learns_the_task(recipe_file: Recipe) -> None:
    recipe = recipe_file(epochs=40, learning_rate=0.01, train=rows(120, "a"))
    assert run_file(recipe) == 0
    report = Report.model_validate_json((out_of(recipe) / "report.json").read_text())
    assert report.metrics["exact_match"]["tuned"].value >= 0.9


def test_lora_saves_adapter_and_merged_model(recipe_file: Recipe) -> None:
    recipe = recipe_file(task="generation", method="lora", epochs=1, lora={"rank": 4})
    assert run_file(recipe) == 0
    assert (out_of(recipe) / "adapter" / "adapter_model.safetensors").exists()
    assert (out_of(recipe) / "model" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "qlora"}, "bitsandbytes"),
        ({"base_model": "no/such-model"}, "could not be loaded"),
        ({"method": "lora", "lora": {"targets": ["nothing_like_it"]}}, "do not fit"),
    ],
)
def test_user_error_is_explained(recipe_file: Recipe, change: dict[str, Any], words: str) -> None:
    recipe = recipe_file(**change)
    assert run_file(recipe) == EXIT_FAILED
    error = json.loads((out_of(recipe) / "error.json").read_text())
    assert error["reason"] == "user_error"
    assert words in error["error"]


def test_nonfinite_loss_is_the_reason(recipe_file: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    from trainer.training import loop

    loss = loop.completion_loss
    monkeypatch.setattr(loop, "completion_loss", lambda *args: loss(*args) * float("nan"))
    recipe = recipe_file()
    assert run_file(recipe) == EXIT_FAILED
    assert json.loads((out_of(recipe) / "error.json").read_text())["reason"] == "nonfinite_loss"


def test_stopped_run_resumes_to_the_same_end(recipe_file: Recipe, tmp_path: Path) -> None:
    recipe = recipe_file(epochs=3)
    assert run_file(recipe) == 0
    complete = json.loads((out_of(recipe) / "history.json").read_text())
    spec = json.loads(recipe.read_text()) | {"output_dir": str(tmp_path / "again")}
    recipe.write_text(json.dumps(spec))
    stops = iter([False] * 6 + [True])
    assert run_file(recipe, lambda: next(stops)) == EXIT_STOPPED
    assert run_file(recipe) == 0
    resumed = json.loads((tmp_path / "again" / "history.json").read_text())
    assert [e for e in resumed if "validation_loss" in e] == [e for e in complete if "validation_loss" in e]


def test_killed_run_resumes(recipe_file: Recipe) -> None:
    recipe = recipe_file(epochs=60, early_stopping=None, evaluations=20)
    out, command = out_of(recipe), [sys.executable, "-m", "trainer", "run", str(recipe)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(steps_of(out)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    killed_at = steps_of(out)[-1]
    assert not (out / "report.json").exists()
    assert run_file(recipe) == 0
    events = read_events(out / "events.jsonl")
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    resumed = next(event for event in events if event.message.startswith("resumed"))
    assert resumed.step > 0
    assert resumed.step <= killed_at
    assert steps_of(out)[-1] == max(event.total_steps for event in events)


def test_partial_event_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.log("first")
    log.close()
    with path.open("a") as file:
        file.write('{"seq": 2, "ki')
    EventLog(path).log("second")
    assert [(event.seq, event.message) for event in read_events(path)] == [(1, "first"), (2, "second")]
