"""The head at label positions gives the loss of the whole matrix of logits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from tests.trainer.conftest import rows, write_rows
from trainer.data import IGNORED, TokenStore, read_examples
from trainer.generate import answer
from trainer.loss import completion_loss, judge
from trainer.model import Base, load_base


@pytest.fixture(scope="module")
def base(tiny_base: Path) -> Base:
    return load_base(str(tiny_base))


@pytest.fixture(scope="module")
def store(base: Base, tmp_path_factory: pytest.TempPathFactory) -> TokenStore:
    path = write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", rows(9, "a"))
    return TokenStore(read_examples(path), base.chat, 64)


def test_loss_and_gradient_equal_full_cross_entropy(base: Base, store: TokenStore) -> None:
    batch = store.batch(range(9))
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


def test_judge_sums_to_the_mean_loss(base: Base, store: TokenStore) -> None:
    batch = store.batch(range(9))
    found = judge(base.model.eval(), batch)
    mean = completion_loss(base.model, batch).item()
    assert found.nats / found.labels == pytest.approx(mean, abs=1e-5)
    assert found.exact_rows == 0


def test_batched_answers_equal_single_ones(base: Base) -> None:
    prompts = [list(range(5, 5 + n)) for n in (3, 9, 6, 12)]
    together = answer(base.model, base.chat, prompts, 6)
    alone = [answer(base.model, base.chat, [prompt], 6)[0] for prompt in prompts]
    assert [item.text for item in together] == [item.text for item in alone]
