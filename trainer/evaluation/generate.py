"""Greedy answers in batches. Knows a model and prompts; knows nothing of references or scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig

from trainer.data.chat_tokenizer import ChatTokenizer

BATCH = 64


@dataclass(frozen=True)
class Generated:
    """`seconds` is the batch's time shared equally among its prompts; `tokens` counts the new ones."""

    text: str
    seconds: float
    tokens: int


@torch.inference_mode()
def generate(
    model: Any,
    chat: ChatTokenizer,
    prompts: Sequence[list[int]],
    max_new_tokens: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Generated]:
    """Return one answer for each prompt, in their order. Prompts are batched by length, so that padding is small; with
    left padding and a mask a batched answer equals a single one."""
    model.eval()
    order = sorted(range(len(prompts)), key=lambda at: len(prompts[at]))
    answers: dict[int, Generated] = {}
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        rows = _generate_batch(model, chat, [prompts[at] for at in batch], max_new_tokens)
        answers.update(zip(batch, rows, strict=True))
        progress(len(answers), len(prompts))
    return [answers[at] for at in range(len(prompts))]


def _generate_batch(model: Any, chat: ChatTokenizer, prompts: list[list[int]], max_new_tokens: int) -> list[Generated]:
    started = time.perf_counter()
    width = max(len(ids) for ids in prompts)
    ids = torch.tensor([[chat.pad] * (width - len(prompt)) + prompt for prompt in prompts], device=model.device)
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=model.device)
    settings = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=chat.eos, pad_token_id=chat.pad, use_cache=True
    )
    rows = model.generate(input_ids=ids, attention_mask=mask, generation_config=settings)[:, width:].tolist()
    share = (time.perf_counter() - started) / len(prompts)
    return [_until_end(chat, row, share) for row in rows]


def _until_end(chat: ChatTokenizer, ids: list[int], seconds: float) -> Generated:
    answer = ids[: ids.index(chat.eos)] if chat.eos in ids else ids
    return Generated(chat.text(answer), seconds, len(answer) + 1)
