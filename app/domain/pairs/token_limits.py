"""The length of a pair in tokens of the project's base model. Reads the starter model's tokenizer file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from app.domain.checks.text.tokens import tokens
from app.domain.projects.tables import Project
from trainer.protocol import Recipe

STARTER = Path(__file__).resolve().parents[3] / "trainer" / "starter" / "weights" / "tokenizer.json"


class Reader(NamedTuple):
    """The path of a tokenizer.json, and how many tokens of an example a run uses."""

    tokenizer: Path
    context: int


def reader_of(project: Project) -> Reader | None:
    """Return None for a model of the hub, whose tokenizer is not on this machine.

    A run cuts examples at its recipe's `max_length`, not at the model's context length; the default is used here.
    """
    if project.base_model != "starter" or not STARTER.exists():
        return None
    return Reader(STARTER, int(Recipe.model_fields["max_length"].default))


def counts(project: Project, texts: list[str]) -> list[int] | None:
    """Return the number of tokens of each text; None where there is no tokenizer."""
    reader = reader_of(project)
    return [tokens(text, reader.tokenizer) for text in texts] if reader else None
