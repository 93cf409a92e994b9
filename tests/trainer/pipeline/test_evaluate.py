"""Evaluation work: any systems on a test split, the same numbers as in a training run's report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.conftest import rows, write_rows
from trainer.errors import EXIT_FAILED
from trainer.pipeline.execute import run_file
from trainer.protocol import Report


@pytest.fixture
def evaluate(tmp_path: Path) -> Callable[..., int]:
    """Write an evaluation file for 12 test rows and run it."""

    def run(out: str, systems: dict[str, str], **fields: Any) -> int:
        spec: dict[str, Any] = {
            "kind": "evaluate",
            "systems": [{"name": name, "model": model} for name, model in systems.items()],
            "task": "classification",
            "test": {"path": str(write_rows(tmp_path / "test.jsonl", rows(12, "c")))},
            "output_dir": str(tmp_path / out),
            "max_new_tokens": 8,
            **fields,
        }
        path = tmp_path / f"{out}.json"
        path.write_text(json.dumps(spec))
        return run_file(path)

    return run


def report(folder: Path) -> Report:
    return Report.model_validate_json((folder / "report.json").read_text())


def test_evaluation_repeats_the_run_report(
    recipe_file: Callable[..., Path], evaluate: Callable[..., int], tmp_path: Path, tiny_base: Path
) -> None:
    assert run_file(recipe_file(epochs=40, learning_rate=0.01, train=rows(120, "a"))) == 0
    systems = {"base": str(tiny_base), "tuned": str(tmp_path / "out" / "model")}
    assert evaluate("again", systems, train={"path": str(tmp_path / "train.jsonl")}) == 0
    first, again = report(tmp_path / "out"), report(tmp_path / "again")
    assert first.metrics["exact_match"]["tuned"].value > first.metrics["exact_match"]["base"].value
    names = {"systems", "metrics", "comparisons", "slices", "baselines", "n", "primary"}
    assert first.model_dump(include=names) == again.model_dump(include=names)


def test_three_systems_compare_with_the_first(evaluate: Callable[..., int], tmp_path: Path, tiny_base: Path) -> None:
    model = str(tiny_base)
    assert evaluate("three", {"a": model, "b": model, "c": model}) == 0
    result = report(tmp_path / "three")
    assert result.systems == ["a", "b", "c"] and result.baselines == {}
    assert {(item.a, item.b) for item in result.comparisons} == {("b", "a"), ("c", "a")}
    assert all(item.delta.value == 0 for item in result.comparisons)


def test_one_system_has_no_comparison(evaluate: Callable[..., int], tmp_path: Path, tiny_base: Path) -> None:
    assert evaluate("single", {"only": str(tiny_base)}) == 0
    assert report(tmp_path / "single").comparisons == []


def test_missing_model_is_a_user_error(evaluate: Callable[..., int], tmp_path: Path) -> None:
    assert evaluate("missing", {"x": "no/such-model"}) == EXIT_FAILED
    assert json.loads((tmp_path / "missing" / "error.json").read_text())["reason"] == "user_error"
