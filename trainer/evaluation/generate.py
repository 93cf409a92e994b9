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
    """One answer for each prompt, in the given order. Sorted by length inside, so that little is padded; with left
    padding and a mask the batched answers equal those made one by one."""
    model.eval()
    order = sorted(range(len(prompts)), key=lambda at: len(prompts[at]))
    found: dict[int, Generated] = {}
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        made = _batch(model, chat, [prompts[at] for at in chosen], max_new_tokens)
        found.update(zip(chosen, made, strict=True))
        progress(len(found), len(prompts))
    return [found[at] for at in range(len(prompts))]


def _batch(model: Any, chat: ChatTokenizer, prompts: list[list[int]], max_new_tokens: int) -> list[Generated]:
    started = time.perf_counter()
    width = max(len(ids) for ids in prompts)
    ids = torch.tensor([[chat.pad] * (width - len(prompt)) + prompt for prompt in prompts], device=model.device)
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=model.device)
    settings = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=chat.eos, pad_token_id=chat.pad, use_cache=True
    )
    made = model.generate(input_ids=ids, attention_mask=mask, generation_config=settings)[:, width:].tolist()
    share = (time.perf_counter() - started) / len(prompts)
    return [_until_end(chat, row, share) for row in made]


def _until_end(chat: ChatTokenizer, ids: list[int], seconds: float) -> Generated:
    kept = ids[: ids.index(chat.eos)] if chat.eos in ids else ids
    return Generated(chat.text(kept), seconds, len(kept) + 1)
