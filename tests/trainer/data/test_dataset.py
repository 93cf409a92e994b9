"""Batch order: complete, repeatable, resumable from a step number."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from trainer.data.dataset import LengthGroupedBatchSampler, in_order, read_examples
from trainer.errors import UserError

LENGTHS = np.random.default_rng(3).integers(5, 60, size=500)


def test_epoch_has_every_row_once_in_budget() -> None:
    sampler = LengthGroupedBatchSampler(LENGTHS, 256, seed=1)
    for number in range(3):
        batches = sampler.epoch(number)
        assert sorted(row for batch in batches for row in batch) == list(range(500))
        assert all(len(batch) * LENGTHS[batch].max() <= 256 for batch in batches)


def test_seed_and_epoch_set_the_order() -> None:
    assert LengthGroupedBatchSampler(LENGTHS, 256, 1).epoch(0) == LengthGroupedBatchSampler(LENGTHS, 256, 1).epoch(0)
    assert LengthGroupedBatchSampler(LENGTHS, 256, 1).epoch(0) != LengthGroupedBatchSampler(LENGTHS, 256, 2).epoch(0)
    assert LengthGroupedBatchSampler(LENGTHS, 256, 1).epoch(0) != LengthGroupedBatchSampler(LENGTHS, 256, 1).epoch(1)


@pytest.mark.parametrize("step", [0, 7, 70, 200])
def test_resume_continues_the_same_order(step: int) -> None:
    sampler = LengthGroupedBatchSampler(LENGTHS, 256, 1)
    whole = list(islice(sampler.from_step(0), step + 5))
    assert list(islice(sampler.from_step(step), 5)) == whole[step:]


def test_padding_is_below_ten_percent() -> None:
    batches = LengthGroupedBatchSampler(LENGTHS, 512, 0).epoch(0)
    padded = sum(len(batch) * LENGTHS[batch].max() for batch in batches)
    assert LENGTHS.sum() / padded > 0.9


def test_row_beyond_the_budget_is_alone() -> None:
    assert in_order(np.array([10, 900, 12]), 100) == [[0, 2], [1]]


def test_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"id": "1", "messages": []}\n')
    with pytest.raises(UserError, match=r"train\.jsonl, line 1"):
        read_examples(path)
