"""Loading models safely, their LoRA adapters, and saving them. Knows nothing of data, losses or loops."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.hub import cached_file

from trainer.data.chat_tokenizer import ChatTokenizer
from trainer.errors import UserError, first_line
from trainer.models.allowlist import check_folder
from trainer.models.autotune import SMALL
from trainer.protocol import ResolvedRecipe
from trainer.starter import WEIGHTS


@dataclass(frozen=True)
class LoadedModel:
    """A causal language model with its tokenizer; `parameters` counts its weights."""

    model: Any
    chat: ChatTokenizer
    parameters: int


def load_model(name: str) -> LoadedModel:
    """Load a model and its tokenizer by name: "starter", a local folder, or a hub name (from the local cache, unless
    PRECEPTOR_ALLOW_HUB=1). Weights come from safetensors only, no code of the model's repository runs, and `allowlist`
    checks the folder first. Raises UserError."""
    source = str(WEIGHTS) if name == "starter" else name
    options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": not hub_allowed()}
    try:
        check_folder(_folder_of(source), name)
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
        dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
        model = AutoModelForCausalLM.from_pretrained(source, use_safetensors=True, dtype=dtype, **options)
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f"base model {name!r} could not be loaded: {first_line(error)}") from error
    if torch.cuda.is_available():
        model = model.to("cuda")  # type: ignore[arg-type]
    if model.num_parameters() < SMALL:
        torch.set_num_threads(1)
    return LoadedModel(model, ChatTokenizer(tokenizer), model.num_parameters())


def _folder_of(source: str) -> Path:
    """Return the folder of a local or cached hub model. Raises OSError when there is no such model."""
    files = ("config.json", "tokenizer_config.json", "generation_config.json", "adapter_config.json")
    paths = [
        cached_file(source, file, local_files_only=not hub_allowed(), _raise_exceptions_for_missing_entries=False)
        for file in files
    ]
    if not paths[0]:
        raise OSError(f"there is no config.json in {source}")
    return Path(paths[0]).parent


def hub_allowed() -> bool:
    return os.environ.get("PRECEPTOR_ALLOW_HUB") == "1"


def save_model(model: Any, chat: ChatTokenizer, folder: Path) -> None:
    """Write safetensors, configuration, tokenizer and chat template, as any engine loads them."""
    model.save_pretrained(folder, safe_serialization=True)
    chat.tokenizer.save_pretrained(folder)


def attach_adapters(model: Any, recipe: ResolvedRecipe) -> Any:
    """Return the model as the method trains it: all weights, or frozen with low-rank adapters. Raises UserError."""
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
        raise UserError(f"lora.targets {lora.targets!r} do not fit this model: {first_line(error)}") from error


def merge_adapters(model: Any) -> Any:
    """Fold adapters into the weights: the same answers, about a third faster to generate."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
