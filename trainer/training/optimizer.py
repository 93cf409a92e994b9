"""The optimizer, its parameter groups, and the regularization that the recipe does not state."""

from __future__ import annotations

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
