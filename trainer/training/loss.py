"""Cross-entropy at label positions only. Knows decoder models and batches; knows nothing of optimizers or files.

With short answers most positions carry no label; the head (hidden x vocabulary) is skipped there, forward and backward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from trainer.data.dataset import IGNORED, Batch


@dataclass(frozen=True)
class Labelled:
    """Logits of the label positions in row order, with their targets and the row each belongs to."""

    logits: torch.Tensor
    targets: torch.Tensor
    rows: torch.Tensor


def label_logits(model: Any, batch: Batch) -> Labelled:
    """Runs the body everywhere and the head on labelled positions. The model's logits must be head(body)."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    inputs, targets = batch.inputs.to(causal.device), batch.targets.to(causal.device)
    hidden = causal.base_model(input_ids=inputs, use_cache=False).last_hidden_state
    wanted = targets != IGNORED
    rows = wanted.nonzero()[:, 0]
    return Labelled(causal.get_output_embeddings()(hidden[wanted]), targets[wanted], rows)


def completion_loss(model: Any, batch: Batch, smoothing: float = 0.0) -> torch.Tensor:
    """Mean nats per label token of the batch."""
    found = label_logits(model, batch)
    return functional.cross_entropy(found.logits.float(), found.targets, label_smoothing=smoothing)


@dataclass(frozen=True)
class BatchEval:
    """Sums over a batch: nats, label tokens, and rows whose every label token is the model's first choice."""

    nats: float
    labels: int
    exact_rows: int


@torch.no_grad()
def eval_batch(model: Any, batch: Batch) -> BatchEval:
    """The row count equals greedy decoding's exact answers: greedy follows the reference while each choice agrees."""
    found = label_logits(model, batch)
    nats = functional.cross_entropy(found.logits.float(), found.targets, reduction="sum")
    wrong = torch.zeros(len(batch.inputs), device=found.rows.device, dtype=torch.long)
    wrong.index_add_(0, found.rows, (found.logits.argmax(-1) != found.targets).long())
    return BatchEval(float(nats), len(found.targets), int((wrong == 0).sum()))
