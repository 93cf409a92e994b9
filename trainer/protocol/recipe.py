"""The recipe: how to fine-tune. The only validation of it, and the source of the form's labels, hints and bounds.

"auto" is the default where the right value depends on the model, the data or the time limit;
`trainer.training.recipe_defaults` resolves it. A field with a title is shown in the form.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from trainer.protocol.base import Message

Auto = Literal["auto"]


class LoraRecipe(Message):
    """Low-rank adapters (Hu et al. 2021): W + (alpha / rank) B A on each target."""

    rank: Annotated[int, Field(ge=1, le=512)] | Auto = Field(default="auto", title="LoRA rank")
    alpha: float = Field(default=32.0, gt=0, le=4096, title="LoRA alpha")
    dropout: float = Field(default=0.0, ge=0, lt=1, title="LoRA dropout")
    targets: str | list[str] = "all-linear"


class EarlyStopping(Message):
    """Stop when the validation loss has not improved for `patience` validations; keep the best checkpoint."""

    patience: int = Field(
        default=3, ge=1, le=100, title="Early stopping patience", description="Validations. Empty: never stop early."
    )
    min_delta: float = Field(default=0.0, ge=0)


class Recipe(Message):
    """How to fine-tune. `max_minutes` None means no limit; `early_stopping` None means never."""

    base_model: str = Field(default="starter", min_length=1, max_length=200)
    method: Literal["full", "lora", "qlora"] = Field(
        default="full",
        title="Method",
        description="LoRA trains small adapters: for large models.",
        json_schema_extra={"labels": {"lora": "LoRA", "qlora": "QLoRA"}},
    )
    epochs: Annotated[float, Field(gt=0, le=1000)] | Auto = Field(
        default="auto", title="Epochs", description="Auto: 6, or up to 30 within a time limit."
    )
    max_minutes: Annotated[float, Field(gt=0, le=60 * 24 * 30)] | Auto | None = Field(
        default="auto", title="Time limit (minutes)", description="Auto: no limit."
    )
    learning_rate: Annotated[float, Field(gt=0, le=1)] | Auto = Field(
        default="auto", title="Learning rate", description="Auto: by method and model size."
    )
    max_tokens_per_batch: Annotated[int, Field(ge=32, le=1_000_000)] | Auto = Field(
        default="auto", alias="batch_tokens", title="Tokens per batch", description="Auto: by model and data size."
    )
    max_length: int = Field(default=512, ge=16, le=131_072, title="Max example length (tokens)")
    max_new_tokens: int = Field(default=128, ge=1, le=8192, title="Max new tokens")
    lora: LoraRecipe = Field(default_factory=LoraRecipe)
    weight_decay: float = Field(default=0.01, ge=0, le=10, title="Weight decay")
    warmup_ratio: float = Field(
        default=0.05, ge=0, lt=1, alias="warmup", title="Warmup", description="Share of the steps."
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(default="cosine", title="Schedule")
    early_stopping: EarlyStopping | None = Field(default_factory=EarlyStopping)
    num_evals: Annotated[int, Field(ge=1, le=1000)] | Auto = Field(
        default="auto", alias="evaluations", title="Validations", description="Over the whole run. Auto: 8."
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, title="Seed")

    @field_validator("learning_rate", mode="before")
    @classmethod
    def _null_is_auto(cls, value: Any) -> Any:
        """Recipes of version 0.1.0 say null."""
        return "auto" if value is None else value


class ResolvedLora(LoraRecipe):
    rank: int


class ResolvedRecipe(Recipe):
    """What a run used: a recipe without "auto"."""

    epochs: float
    max_minutes: float | None
    learning_rate: float
    max_tokens_per_batch: int = Field(alias="batch_tokens")
    lora: ResolvedLora
    num_evals: int = Field(alias="evaluations")


NAMES = {
    field.alias or name for model in (Recipe, LoraRecipe, EarlyStopping) for name, field in model.model_fields.items()
}


def first_problem(error: ValidationError) -> tuple[str, str]:
    """(dotted public name of the field, message) of the first problem; names of union members are left out."""
    problem = error.errors()[0]
    first, *rest = map(str, problem["loc"] or ("recipe",))
    unknown = problem["type"] == "extra_forbidden"
    return ".".join([first, *(part for part in rest if unknown or part in NAMES)]), problem["msg"]
