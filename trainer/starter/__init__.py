"""The starter base model: its weights and how they were made. Knows nothing of fine-tuning runs."""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
