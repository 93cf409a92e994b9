"""The head at label positions alone gives the loss of the full logits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from tests.trainer.conftest import rows, write_rows
from trainer.data.dataset import IGNORED, TokenizedDataset, read_examples
from trainer.evaluation.generate import generate
from trainer.models.loading import LoadedModel, load_model
from trainer.training.loss import completion_loss, eval_batch


@pytest.fixture(scope="module")
def base(tiny_base: Path) -> LoadedModel:
    return load_model(str(tiny_base))


@pytest.fixture(scope="module")
def store(base: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> TokenizedDataset:
    path = write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", rows(9, "a"))
    return TokenizedDataset(read_examples(path), base.chat, 64)


def test_loss_equals_full_cross_entropy(base: LoadedModel, store: TokenizedDataset) -> None:
    batch = store.collate(range(9))
    completion_loss(base.model, batch).backward()  # type: ignore[no-untyped-call]
    ours = {name: p.grad.clone() for name, p in base.model.named_parameters()}
    base.model.zero_grad()
    mask = torch.arange(batch.inputs.shape[1])[None] < torch.tensor(store.lengths)[:, None]
    logits = base.model(input_ids=batch.inputs, attention_mask=mask.long()).logits
    full = functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED)
    full.backward()  # type: ignore[no-untyped-call]
    assert torch.allclose(completion_loss(base.model, batch), full, atol=1e-6)
    for name, p in base.model.named_parameters():
        assert torch.allclose(ours[name], p.grad, atol=1e-5), name
    base.model.zero_grad()


def test_eval_batch_sums_to_the_mean_loss(base: LoadedModel, store: TokenizedDataset) -> None:
    batch = store.collate(range(9))
    sums = eval_batch(base.model.eval(), batch)
    mean = completion_loss(base.model, batch).item()
    assert sums.nats / sums.labels == pytest.approx(mean, abs=1e-5)
    assert sums.exact_rows == 0


def test_batched_answers_equal_single_answers(base: LoadedModel) -> None:
    prompts = [list(range(5, 5 + n)) for n in (3, 9, 6, 12)]
    together = generate(base.model, base.chat, prompts, 6)
    alone = [generate(base.model, base.chat, [prompt], 6)[0] for prompt in prompts]
    assert [item.text for item in together] == [item.text for item in alone]
