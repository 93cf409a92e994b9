"""Cross-entropy at label positions only, and validation by it. Knows nothing of optimizers or files.

With short answers most positions have no label; the head (hidden x vocabulary) skips them, forward and backward.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch.nn import functional

from trainer.data.dataset import IGNORED, Batch, TokenizedDataset, in_order
from trainer.models.autotune import ComputeConfig

MAX_ROWS = 1000  # of a validation; more rows cost time and add little precision


class LabelLogits(NamedTuple):
    """`logits` (labels, vocabulary), `targets` (labels,) and the batch row of each label `rows` (labels,)."""

    logits: torch.Tensor
    targets: torch.Tensor
    rows: torch.Tensor


def label_logits(model: Any, batch: Batch) -> LabelLogits:
    """Run the body on every position and the head on labeled positions. The model's logits must be head(body)."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    inputs, targets = batch.inputs.to(causal.device), batch.targets.to(causal.device)
    hidden = causal.base_model(input_ids=inputs, use_cache=False).last_hidden_state
    labeled = targets != IGNORED
    rows = labeled.nonzero()[:, 0]
    return LabelLogits(causal.get_output_embeddings()(hidden[labeled]), targets[labeled], rows)


def completion_loss(model: Any, batch: Batch, smoothing: float = 0.0) -> torch.Tensor:
    """Return the mean nats per label token of the batch."""
    labels = label_logits(model, batch)
    return functional.cross_entropy(labels.logits.float(), labels.targets, label_smoothing=smoothing)


class BatchEval(NamedTuple):
    """Sums over a batch: nats, label tokens, and rows whose every label token is the model's first choice."""

    nats: float
    labels: int
    exact_rows: int


@torch.no_grad()
def eval_batch(model: Any, batch: Batch) -> BatchEval:
    """Sum a batch. `exact_rows` equals greedy decoding's exact answers: greedy follows the reference while each first
    choice agrees."""
    labels = label_logits(model, batch)
    nats = functional.cross_entropy(labels.logits.float(), labels.targets, reduction="sum")
    wrong = torch.zeros(len(batch.inputs), device=labels.rows.device, dtype=torch.long)
    wrong.index_add_(0, labels.rows, (labels.logits.argmax(-1) != labels.targets).long())
    return BatchEval(float(nats), len(labels.targets), int((wrong == 0).sum()))


def evaluate_loss(
    model: Any, dataset: TokenizedDataset, batch_tokens: int, compute: ComputeConfig
) -> tuple[float, float]:
    """Return (nats per label token, share of examples whose every label token is the model's first choice)."""
    model.eval()
    count = min(len(dataset), MAX_ROWS)
    sums = []
    for rows in in_order(dataset.lengths[:count], batch_tokens):
        batch = dataset.collate(rows)
        with compute.context(batch.inputs.shape[1]):
            sums.append(eval_batch(model, batch))
    nats, labels, exact = map(sum, zip(*sums, strict=True))
    return nats / max(1, labels), exact / max(1, count)
