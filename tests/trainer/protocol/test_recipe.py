"""The recipe: public names and aliases, "auto", and recipes that version 0.1.0 stored."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from trainer.protocol import Recipe, TrainWork, first_problem, read_work

STORED_BY_0_1_0 = {
    "base_model": "starter", "method": "lora", "epochs": 6.0, "max_minutes": None, "learning_rate": None,
    "batch_tokens": 1024, "max_length": 512, "max_new_tokens": 128, "weight_decay": 0.01, "warmup": 0.05,
    "lora": {"rank": 16, "alpha": 32.0, "dropout": 0.0, "targets": "all-linear"}, "schedule": "cosine",
    "early_stopping": {"patience": 3, "min_delta": 0.0}, "evaluations": 8, "seed": 0,
}  # fmt: skip


def test_both_names_of_a_field_are_read() -> None:
    public = Recipe.model_validate({"batch_tokens": 64, "warmup": 0.1, "evaluations": 4})
    python = Recipe.model_validate({"max_tokens_per_batch": 64, "warmup_ratio": 0.1, "num_evals": 4})
    assert public == python and public.max_tokens_per_batch == 64


def test_public_names_are_written() -> None:
    assert {"batch_tokens", "warmup", "evaluations"} <= set(Recipe().model_dump())
    assert "warmup_ratio" not in Recipe().model_dump_json()


def test_stored_recipe_of_0_1_0_is_read() -> None:
    recipe = Recipe.model_validate(STORED_BY_0_1_0)
    assert recipe.model_dump() == {**STORED_BY_0_1_0, "learning_rate": "auto"}


@pytest.mark.parametrize(
    ("recipe", "field"),
    [
        ({"epochs": -1}, "epochs"),
        ({"batch_tokens": "many"}, "batch_tokens"),
        ({"lora": {"rank": 0}}, "lora.rank"),
        ({"lora": {"targets": 3}}, "lora.targets"),
        ({"lora": {"unknown": 1}}, "lora.unknown"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_problem_names_the_public_field(recipe: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Recipe.model_validate(recipe)
    assert first_problem(caught.value)[0] == field


def test_work_without_kind_trains() -> None:
    file = '{"path": "x"}'
    text = f'{{"recipe": {{}}, "train": {file}, "validation": {file}, "test": {file}, "output_dir": "out"}}'
    assert isinstance(read_work(text), TrainWork)
    with pytest.raises(ValueError, match="kind"):
        read_work('{"kind": "unknown"}')
