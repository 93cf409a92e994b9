"""A tiny random base model and small split files. No assertions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["PRECEPTOR_TRAINER_PACE"] = "1,float32"  # the same sums in every test, no probe

COLORS = ("red", "green", "blue", "grey")


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama with one narrow layer, random weights and the starter's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from trainer.starter import WEIGHTS

    folder = tmp_path_factory.mktemp("base")
    tokenizer = AutoTokenizer.from_pretrained(str(WEIGHTS))
    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        tie_word_embeddings=True,
        eos_token_id=0,
        bos_token_id=None,
        pad_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def rows(count: int, prefix: str) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{prefix}-{at}",
            "messages": [
                {"role": "user", "content": f"the {COLORS[at % 4]} thing number {at}"},
                {"role": "assistant", "content": COLORS[at % 4]},
            ],
            "tags": {"half": "first" if at < count / 2 else "second"},
        }
        for at in range(count)
    ]


def write_rows(path: Path, items: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    return path


@pytest.fixture
def recipe_file(tmp_path: Path, tiny_base: Path) -> Callable[..., Path]:
    """Writes a training work file of 40 rows and returns its path; keywords change the recipe."""

    def make(task: str = "classification", train: list[dict[str, Any]] | None = None, **recipe: Any) -> Path:
        files = {"train": train or rows(40, "a"), "validation": rows(8, "b"), "test": rows(12, "c")}
        spec: dict[str, Any] = {
            "recipe": {"base_model": str(tiny_base), "epochs": 2, "batch_tokens": 128, "max_new_tokens": 8, **recipe},
            "task": task,
            "output_dir": str(tmp_path / "out"),
            "contamination": {"leaks": 0},
        }
        for name, items in files.items():
            spec[name] = {"path": str(write_rows(tmp_path / f"{name}.jsonl", items))}
        path = tmp_path / "recipe.json"
        path.write_text(json.dumps(spec))
        return path

    return make
