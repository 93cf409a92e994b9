"""The kinds of work that the trainer does, as files for `python -m trainer run` and as parts of a claim.

The recipe here is its only validation, and the source of the form's labels, hints and bounds: a field with a title is
shown. "auto" is the default where the right value depends on the model, the data or the time limit;
`trainer.training.recipe_defaults` resolves it.

A new kind of work is a class with its own `kind`, a member of `Work`, and a branch in `trainer.pipeline.execute`.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

Auto = Literal["auto"]
Task = Literal["generation", "classification", "extraction", "translation", "regression", "code"]


class Message(BaseModel):
    """Refuses unknown fields, so that a typing error never passes for a default.

    A renamed field keeps its public name as an alias: both names are read, the public one is written.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, serialize_by_alias=True)


class LoraRecipe(Message):
    """Low-rank adapters (Hu et al. 2021): W + (alpha / rank) B A on each target."""

    rank: Annotated[int, Field(ge=1, le=512)] | Auto = Field(default="auto", title="LoRA rank")
    alpha: float = Field(default=32.0, gt=0, le=4096, title="LoRA alpha")
    dropout: float = Field(default=0.0, ge=0, lt=1, title="LoRA dropout")
    targets: str | list[str] = "all-linear"


class EarlyStopping(Message):
    """Stop when the validation loss has not improved for `patience` validations; keep the best checkpoint."""

    patience: int = Field(
        default=3,
        ge=1,
        le=100,
        title="Early stopping patience",
        description="Validations without progress. Leave empty to never stop early.",
    )
    min_delta: float = Field(default=0.0, ge=0)


class Recipe(Message):
    """How to fine-tune. `max_minutes` None means no limit; `early_stopping` None means never."""

    base_model: str = Field(default="starter", min_length=1, max_length=200)
    method: Literal["full", "lora", "qlora"] = Field(
        default="full",
        title="Method",
        description="LoRA trains small adapters. Use it for large models.",
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
        default=0.05, ge=0, lt=1, alias="warmup", title="Warmup", description="Share of all steps."
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


class ChatMessage(Message):
    role: Literal["system", "user", "assistant"]
    content: str


class Example(Message):
    """One line of a split file (JSON Lines). The last message is the assistant's reference answer."""

    id: str
    messages: list[ChatMessage] = Field(min_length=2)
    tags: dict[str, str] = Field(default_factory=dict)


class DataFile(Message):
    """A split file: a local path when the trainer runs alone, a content address when the application serves it."""

    sha256: str | None = None
    path: str | None = None


class TrainWork(Message):
    """Fine-tune a base model by a recipe, then evaluate base and tuned on the test split."""

    kind: Literal["train"] = "train"
    recipe: Recipe
    task: Task = "generation"
    train: DataFile
    validation: DataFile
    test: DataFile
    output_dir: str
    contamination: dict[str, Any] = Field(default_factory=dict, description="the version's leak report, passed through")


class System(Message):
    """A model that answers: "starter", a local folder, or a hub name."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:@-]{0,79}$")
    model: str = Field(min_length=1, max_length=1000)


class EvaluateWork(Message):
    """Evaluate systems on a test split. The first system is the one that the others are compared with.

    `train` is read for the baselines only; without it the report has none.
    """

    kind: Literal["evaluate"] = "evaluate"
    systems: list[System] = Field(min_length=1, max_length=20)
    task: Task = "generation"
    test: DataFile
    train: DataFile | None = None
    output_dir: str
    max_length: int = Field(default=512, ge=16, le=131_072)
    max_new_tokens: int = Field(default=128, ge=1, le=8192)
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    contamination: dict[str, Any] = Field(default_factory=dict, description="the version's leak report, passed through")

    @field_validator("systems")
    @classmethod
    def _distinct_names(cls, systems: list[System]) -> list[System]:
        if len({system.name for system in systems}) < len(systems):
            raise ValueError("each system needs a name of its own")
        return systems


Work = Annotated[TrainWork | EvaluateWork, Field(discriminator="kind")]
WORK: TypeAdapter[TrainWork | EvaluateWork] = TypeAdapter(Work)


def read_work(text: str) -> TrainWork | EvaluateWork:
    """Parse a work file. A file without `kind` trains, as files written for version 0.1.0 do. Raises ValueError."""
    payload = json.loads(text)
    return WORK.validate_python({"kind": "train", **payload} if isinstance(payload, dict) else payload)
