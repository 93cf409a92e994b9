"""Base models: loading them safely, adapters, merging, threads and number format.

Knows transformers and peft; knows nothing of data, losses or loops.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.hub import cached_file

from trainer.chat import Chat
from trainer.failures import UserError
from trainer.protocol import Recipe
from trainer.starter import WEIGHTS
from trainer.trust import check_folder

SMALL = 10_000_000  # parameters below which one core is nearly as fast as two

# Cores taken while idle turn against the run as soon as a neighbour wakes (measured: 5,100 tokens/s on one thread,
# 1,460 on two beside one busy process), so a second one must pay well.
WORTH_A_CORE = 0.7


@dataclass(frozen=True)
class Base:
    model: Any
    chat: Chat
    parameters: int


def load_base(name: str) -> Base:
    """A model and its tokenizer by name: "starter", a local folder, or a hub name (only from the local cache unless
    PRECEPTOR_ALLOW_HUB=1). Weights come from safetensors only, no code of the model's repository is run, and nothing is
    loaded that `trust` does not know."""
    source = str(WEIGHTS) if name == "starter" else name
    options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": not hub_allowed()}
    try:
        check_folder(_folder_of(source), name)
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
        kind = torch.bfloat16 if torch.cuda.is_available() else torch.float32
        model = AutoModelForCausalLM.from_pretrained(source, use_safetensors=True, dtype=kind, **options)
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f"base model {name!r} could not be loaded: {_first_line(error)}") from error
    if torch.cuda.is_available():
        model = model.to("cuda")  # type: ignore[arg-type]
    if model.num_parameters() < SMALL:
        torch.set_num_threads(1)
    return Base(model, Chat(tokenizer), model.num_parameters())


def _folder_of(source: str) -> Path:
    """Where the files of a local folder or of a cached hub model lie. Raises OSError when there is no such model."""
    files = ("config.json", "tokenizer_config.json", "generation_config.json", "adapter_config.json")
    found = [
        cached_file(source, file, local_files_only=not hub_allowed(), _raise_exceptions_for_missing_entries=False)
        for file in files
    ]
    if not found[0]:
        raise OSError(f"there is no config.json in {source}")
    return Path(found[0]).parent


def hub_allowed() -> bool:
    return os.environ.get("PRECEPTOR_ALLOW_HUB") == "1"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def for_training(model: Any, recipe: Recipe) -> Any:
    """The model as the method wants it: all weights, or frozen with low-rank adapters."""
    if recipe.method == "full":
        return model
    if recipe.method == "qlora":
        raise UserError("qlora needs a CUDA device and bitsandbytes, which this trainer does not have; use method=lora")
    from peft import LoraConfig, get_peft_model  # loading peft takes a second that full runs need not spend

    torch.manual_seed(recipe.seed)
    lora = recipe.lora
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]
        lora_dropout=lora.dropout,
        target_modules=lora.targets,
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise UserError(f"lora.targets {lora.targets!r} do not fit this model: {_first_line(error)}") from error


def merged(model: Any) -> Any:
    """Adapters folded into the weights: the same answers, about a third faster to generate."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model


def default_learning_rate(method: str, parameters: int) -> float:
    """Smaller models bear larger steps; adapters bear more than full weights. The small ones were measured here."""
    full = [(SMALL, 3e-3), (100_000_000, 3e-4), (1_000_000_000, 5e-5)]
    rate = next((rate for limit, rate in full if parameters < limit), 1e-5)
    return rate if method == "full" else min(5e-3, rate * 5)


@dataclass(frozen=True)
class Pace:
    """How to compute: CPU threads, and whether to run matrices in bfloat16 (weights stay float32)."""

    threads: int
    bfloat16: bool

    def __str__(self) -> str:
        return f"{self.threads} thread{'s' * (self.threads > 1)}, {'bfloat16' if self.bfloat16 else 'float32'}"


def choose_pace(probe: Callable[[Pace], None], parameters: int) -> Pace:
    """The fastest pace by trying a few steps of each, about two seconds. PRECEPTOR_TRAINER_PACE=1,float32 fixes it
    (for identical losses between runs: sums depend on the number of threads)."""
    fixed = os.environ.get("PRECEPTOR_TRAINER_PACE")
    if fixed:
        count, _, kind = fixed.partition(",")
        return Pace(int(count), kind == "bfloat16")
    if torch.cuda.is_available():
        return Pace(torch.get_num_threads(), True)
    # A busy neighbour makes a small model several times slower on all cores: take them only where they clearly pay.
    cores = os.cpu_count() or 1
    counts = [1, min(cores, 2)] if parameters < SMALL else [cores]
    best: tuple[float, Pace] | None = None
    for threads in dict.fromkeys(counts):
        for bfloat16 in (False, True):
            seconds = _timed(probe, pace := Pace(threads, bfloat16))
            needed = 0.9 if best is None or threads == best[1].threads else WORTH_A_CORE
            if best is None or seconds < best[0] * needed:
                best = (seconds, pace)
    assert best is not None
    return best[1]


def _timed(probe: Callable[[Pace], None], pace: Pace) -> float:
    torch.set_num_threads(pace.threads)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        probe(pace)
        times.append(time.perf_counter() - started)
    return min(times)


def save_model(model: Any, chat: Chat, folder: Path) -> None:
    """Safetensors, configuration, tokenizer and chat template, as any engine loads them."""
    model.save_pretrained(folder, safe_serialization=True)
    chat.tokenizer.save_pretrained(folder)
