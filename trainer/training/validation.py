"""A pass over the validation split. Knows batches and losses; knows nothing of the loop."""

from __future__ import annotations

from typing import Any

from trainer.data.dataset import TokenizedDataset, in_order
from trainer.models.autotune import ComputeConfig
from trainer.training.loss import eval_batch

MAX_ROWS = 1000  # more rows cost time and add little precision


def evaluate_loss(
    model: Any, dataset: TokenizedDataset, batch_tokens: int, compute: ComputeConfig, max_rows: int = MAX_ROWS
) -> tuple[float, float]:
    """Return (nats per label token, share of examples whose every label token is the model's first choice)."""
    model.eval()
    count = min(len(dataset), max_rows)
    nats, labels, exact = 0.0, 0, 0
    for rows in in_order(dataset.lengths[:count], batch_tokens):
        batch = dataset.collate(rows)
        with compute.context(batch.inputs.shape[1]):
            sums = eval_batch(model, batch)
        nats, labels, exact = nats + sums.nats, labels + sums.labels, exact + sums.exact_rows
    return nats / max(1, labels), exact / max(1, count)
