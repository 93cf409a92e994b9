"""How long a pair is for the project's base model, where its tokenizer is at hand. Reads one file of the trainer's."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from app.domain.checks.text.tokens import tokens
from app.domain.projects.tables import Project
from trainer.protocol import Recipe

STARTER = Path(__file__).resolve().parents[3] / "trainer" / "starter" / "weights" / "tokenizer.json"


class Reader(NamedTuple):
    """The path of a tokenizer.json, and how many tokens of an example a run reads."""

    tokenizer: Path
    context: int


def reader_of(project: Project) -> Reader | None:
    """None for a model of the hub: its tokenizer is not on this machine.

    A run cuts examples at its recipe's `max_length`, not at what the model could hold; the default is what counts.
    """
    if project.base_model != "starter" or not STARTER.exists():
        return None
    return Reader(STARTER, int(Recipe.model_fields["max_length"].default))


def counts(project: Project, texts: list[str]) -> list[int] | None:
    """Tokens of each text."""
    reader = reader_of(project)
    return [tokens(text, reader.tokenizer) for text in texts] if reader else None
