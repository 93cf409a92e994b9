"""What "auto" becomes; stated values stay."""

from __future__ import annotations

import pytest

from trainer.protocol import Recipe
from trainer.training.recipe_defaults import resolve_recipe, validation_tokens

SMALL, LARGE = 2_600_000, 500_000_000


def test_auto_becomes_values() -> None:
    resolved = resolve_recipe(Recipe(), SMALL, 100_000)
    assert (resolved.epochs, resolved.max_minutes, resolved.num_evals) == (6.0, None, 8)
    assert (resolved.learning_rate, resolved.max_tokens_per_batch, resolved.lora.rank) == (3e-3, 400, 16)
    assert "auto" not in resolved.model_dump_json()


def test_stated_values_stay() -> None:
    stated = {"epochs": 6, "max_minutes": 2, "learning_rate": 0.1, "batch_tokens": 1024, "evaluations": 3}
    resolved = resolve_recipe(Recipe.model_validate({**stated, "lora": {"rank": 4}}), SMALL, 100)
    assert {name: resolved.model_dump()[name] for name in stated} == stated
    assert resolved.lora.rank == 4


def test_time_limit_allows_more_epochs() -> None:
    assert resolve_recipe(Recipe(max_minutes=2), SMALL, 100).epochs == 30.0


@pytest.mark.parametrize(("tokens", "size"), [(100, 384), (200_000, 800), (10**9, 1024)])
def test_small_data_gets_small_batches(tokens: int, size: int) -> None:
    assert resolve_recipe(Recipe(), SMALL, tokens).max_tokens_per_batch == size
    assert resolve_recipe(Recipe(), LARGE, tokens).max_tokens_per_batch == 1024


def test_learning_rate_by_size_and_method() -> None:
    rates = [resolve_recipe(Recipe(), size, 100).learning_rate for size in (SMALL, 50_000_000, LARGE, 7 * 10**9)]
    assert rates == [3e-3, 3e-4, 5e-5, 1e-5]
    assert resolve_recipe(Recipe(method="lora"), SMALL, 100).learning_rate == 5e-3


def test_validation_batch_is_four_times_larger() -> None:
    assert validation_tokens(Recipe()) == 4096
    assert validation_tokens(Recipe.model_validate({"batch_tokens": 128})) == 512
