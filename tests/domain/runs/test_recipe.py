"""A recipe is validated once, and the error names the field."""

from __future__ import annotations

import pytest

from app.core.errors import Invalid
from app.domain.runs.actions import parse_recipe


def test_error_names_the_field() -> None:
    with pytest.raises(Invalid) as caught:
        parse_recipe({"lora": {"rank": 0}})
    assert caught.value.field == "recipe.lora.rank"
    assert caught.value.detail.startswith("recipe.lora.rank: ")


def test_defaults_are_auto() -> None:
    recipe = parse_recipe({}).model_dump()
    assert {name for name, value in recipe.items() if value == "auto"} == {
        "epochs", "max_minutes", "learning_rate", "batch_tokens", "evaluations",
    }  # fmt: skip
