"""The optimizer, its schedule, and the regularization that the recipe does not state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from trainer.models.autotune import SMALL


@dataclass(frozen=True)
class Regularization:
    """Dropout and label smoothing by model size; the values for small models were measured."""

    dropout: float
    smoothing: float

    @classmethod
    def for_size(cls, parameters: int) -> Regularization:
        return cls(dropout=0.05, smoothing=0.1) if parameters < SMALL else cls(dropout=0.0, smoothing=0.0)


def trainable_parameters(model: Any) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def adamw(model: Any, rate: float, decay: float) -> torch.optim.Optimizer:
    """Return AdamW with weight decay on matrices only: norms and biases are scales, not maps."""
    matrices = [p for p in trainable_parameters(model) if p.ndim >= 2]
    others = [p for p in trainable_parameters(model) if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)


def add_dropout(model: Any, share: float) -> None:
    """Drop out the output of each attention and MLP block; Llama-like models have no dropout of their own there."""
    if not share:
        return

    def drop(module: nn.Module, _: Any, output: torch.Tensor) -> torch.Tensor:
        return functional.dropout(output, share, module.training)

    for name, module in model.named_modules():
        if name.endswith(("o_proj", "down_proj", "embed_tokens")):
            module.register_forward_hook(drop)


@dataclass(frozen=True)
class Schedule:
    """Progress follows the limit that is reached first, steps or seconds, so the rate always ends at zero.

    With a time limit the number of steps depends on the machine: such a run is not repeatable bit for bit.
    """

    total_steps: int
    budget_seconds: float | None
    warmup_ratio: float
    shape: str

    def progress(self, step: int, seconds: float) -> float:
        """Return the share of the run that is done, 0 to 1."""
        by_time = seconds / self.budget_seconds if self.budget_seconds else 0.0
        return min(1.0, max(step / self.total_steps, by_time))

    def rate(self, progress: float) -> float:
        """Return the share of the peak learning rate: linear warmup, then the shape down to zero (constant stays)."""
        if progress < self.warmup_ratio:
            return max(0.02, progress / self.warmup_ratio)
        left = (1 - progress) / (1 - self.warmup_ratio)
        if self.shape == "constant":
            return 1.0
        return left if self.shape == "linear" else 0.5 * (1 - math.cos(math.pi * left))

    def expected_steps(self, step: int, progress: float) -> int:
        """Estimate the total steps from the progress so far."""
        if not self.budget_seconds or progress < 0.01:
            return self.total_steps
        return max(step, min(self.total_steps, round(step / progress)))
