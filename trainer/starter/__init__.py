"""The starter base model: how it was made and where its weights lie. Knows nothing of fine-tuning runs."""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
