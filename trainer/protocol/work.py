"""The kinds of work that the trainer does, as files for `python -m trainer run` and as parts of a claim.

A new kind is a class with its own `kind`, a member of `Work`, and a branch in `trainer.pipeline.execute`.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, field_validator

from trainer.protocol.base import Message
from trainer.protocol.recipe import Recipe

Task = Literal["generation", "classification", "extraction", "translation", "regression", "code"]


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
