"""Which files and settings of a model's folder may be read, decided from file names and plain JSON before any loader
sees them.

Loaders have run code from a configuration alone although `trust_remote_code` was off. So keys and architectures must
be on a list; everything else is refused with a message that says how to fix it. Loads no tensors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer.errors import UserError

# Architectures whose logits are exactly head(body), as `loss` requires, and whose code is part of transformers; each
# with its only valid model type, because loaders choose the code by the type.
ARCHITECTURES = {
    "GPT2LMHeadModel": "gpt2",
    "GPTNeoXForCausalLM": "gpt_neox",
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "mistral",
    "Olmo2ForCausalLM": "olmo2",
    "OlmoForCausalLM": "olmo",
    "Phi3ForCausalLM": "phi3",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
    "SmolLM3ForCausalLM": "smollm3",
    "StableLmForCausalLM": "stablelm",
}
# Formats that run code when they are read, and code.
_RUNS_CODE = ".bin .ckpt .dill .joblib .mar .nemo .npy .npz .pickle .pkl .pt .pt2 .pth .py .pyc .so"
RUNS_CODE = frozenset(_RUNS_CODE.split())
# Keys that published models have besides those of their configuration class: older names and notes. None names code.
_HARMLESS = """
    _attn_implementation_autoset _from_model_config _name_or_path add_bos_token bad_words_ids bos_token clip_qkv
    cross_attention_hidden_size decoder_start_token_id diversity_penalty do_sample early_stopping eos_token
    finetuning_task forced_bos_token_id forced_eos_token_id gradient_checkpointing hidden_dropout_prob
    is_decoder is_llama_config length_penalty max_length max_sequence_length min_length model_max_length n_ctx
    no_repeat_ngram_size norm_eps num_beam_groups num_beams num_heads_k num_return_sequences output_scores
    partial_rotary_factor predict_special_tokens prefix pruned_heads remove_invalid_values repetition_penalty
    return_dict_in_generate rope_interleaved rope_pct rope_scaling rope_theta rotary_emb_base rotary_pct
    rotary_scaling_factor sep_token_id suppress_tokens task_specific_params temperature tf_legacy_loss
    tie_encoder_decoder tokenizer_class top_k top_p torch_dtype torchscript transformers.js_config typical_p
    unsloth_fixed unsloth_version use_bfloat16 use_mrope use_qkv_bias weight_tying"""
HARMLESS = frozenset(_HARMLESS.split())
# Refused at any depth of any file: each makes a loader fetch or run something outside the folder.
_NEVER = """
    attn_implementation auto_map base_model_name_or_path custom_pipelines custom_generate experts_implementation
    kernel_config quantization_config trust_remote_code use_kernels"""
NEVER = frozenset(_NEVER.split())
LARGEST_JSON = 4 * 1024 * 1024
NOT_SETTINGS = ("tokenizer.json", "vocab.json", "added_tokens.json")  # large, and read as plain vocabularies


def check_folder(folder: Path, name: str) -> None:
    """Raise UserError unless the folder holds only tensors, a vocabulary and the settings of a known model."""
    _check_files(folder, name)
    for path in sorted(folder.glob("*.json")):
        if path.name not in NOT_SETTINGS:
            settings = _json(path, name)
            _check_keys(settings, path.name, name)
            if path.name.endswith(".safetensors.index.json"):
                _check_shards(settings, name)
    _check_config(_json(folder / "config.json", name), name)


def _check_files(folder: Path, name: str) -> None:
    risky = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix.lower() in RUNS_CODE)
    if risky:
        raise UserError(
            f"base model {name!r} holds {', '.join(risky[:5])}: such files can run code when they are read. Only "
            "safetensors are loaded; name a folder without these files"
        )
    if any(folder.glob("adapter_*")):
        raise UserError(f"base model {name!r} is an adapter of another model; merge the two and name the result")


def _json(path: Path, name: str) -> Any:
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise UserError(
                f"base model {name!r}: {path.name} is too large for a settings file ({path.stat().st_size:,} bytes)"
            )
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"base model {name!r} has no {path.name}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"base model {name!r}: {path.name} cannot be read ({error})") from error


def _check_keys(settings: Any, file: str, name: str) -> None:
    wrong = sorted({key for key in _keys(settings) if key in NEVER or key.startswith(("_attn_impl", "_experts_impl"))})
    if wrong := [key for key in wrong if key not in HARMLESS]:
        raise UserError(f"base model {name!r} brings its own code or another model: {file} has {', '.join(wrong)}")


def _keys(value: Any) -> Iterator[str]:
    """Yield every key at every depth."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield from item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _check_shards(index: Any, name: str) -> None:
    """Weights must come from safetensors files of this folder."""
    files = index.get("weight_map", {}).values() if isinstance(index, dict) else [None]
    for file in set(map(str, files)):
        if Path(file).name != file or not file.endswith(".safetensors"):
            raise UserError(f"base model {name!r} keeps weights in {file!r}; they must be safetensors beside its index")


def _check_config(config: Any, name: str) -> None:
    names = config.get("architectures") if isinstance(config, dict) else None
    architecture = names[0] if isinstance(names, list) and len(names) == 1 else None
    kind = ARCHITECTURES.get(architecture) if isinstance(architecture, str) else None
    if kind is None:
        raise UserError(
            f"base model {name!r} has the architecture {names}; supported are {', '.join(sorted(ARCHITECTURES))}"
        )
    if config.get("model_type") != kind:
        raise UserError(f"base model {name!r} is a {architecture}, but its model_type is {config.get('model_type')!r}")
    unknown = sorted(set(config) - known_keys(kind) - HARMLESS)
    if unknown:
        raise UserError(
            f"base model {name!r}: config.json has {', '.join(unknown[:10])}, which no {kind} model reads; remove them"
        )


def known_keys(kind: str) -> frozenset[str]:
    """Return the keys that the configuration class of this model type writes."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING  # loads only this model's configuration

    return frozenset(CONFIG_MAPPING[kind]().to_dict())
