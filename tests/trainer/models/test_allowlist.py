"""A model's folder is read only if nothing in it can run code. Each trap touches a canary file when it is sprung."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer.errors import UserError
from trainer.models import allowlist
from trainer.models.loading import load_model

pytestmark = pytest.mark.assurance
Tally = Callable[[str, int], None]

PICKLES = (
    "pytorch_model.bin", "adapter_model.bin", "training_args.bin", "value_head.bin", "rng_state.pth", "optimizer.pt",
    "model.pt2", "vocab.pkl", "tokenizer.pickle", "model.ckpt", "checkpoint-4/scheduler.pt", "weights.npz",
)  # fmt: skip


class Trap:
    """Unpickling this creates the canary file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.canary,)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def folder(tiny_base: Path, tmp_path: Path) -> Path:
    """A valid model, private to the test."""
    return Path(shutil.copytree(tiny_base, tmp_path / "model"))


def change(path: Path, **values: Any) -> None:
    settings = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**settings, **values}))


def test_canary_works(canary: Path) -> None:
    pickle.loads(pickle.dumps(Trap(canary)))  # noqa: S301  the trap, sprung on purpose
    assert canary.exists()


def test_valid_folder_loads(folder: Path) -> None:
    assert load_model(str(folder)).parameters > 0


@pytest.mark.parametrize("file", PICKLES)
@pytest.mark.parametrize("alone", [True, False], ids=["instead of safetensors", "beside safetensors"])
def test_folder_with_pickle_is_refused(folder: Path, canary: Path, file: str, alone: bool, tally: Tally) -> None:
    if alone:
        (folder / "model.safetensors").unlink()
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_bytes(pickle.dumps(Trap(canary)))
    with pytest.raises(UserError, match="safetensors"):
        load_model(str(folder))
    assert not canary.exists()
    tally("traps refused", 1)


CODE = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model", "AutoTokenizer": ["evil.Tokens", None]}
CONFIGS: dict[str, dict[str, Any]] = {
    "code of its own": {"auto_map": CODE},
    "an attention kernel from elsewhere": {"_attn_implementation_internal": "evil/kernel"},
    "an attention implementation": {"attn_implementation": "evil/kernel:run"},
    "an experts implementation": {"_experts_implementation_internal": "evil/kernel"},
    "trust, nested": {"rope_scaling": {"type": "linear", "factor": 2.0, "trust_remote_code": True}},
    "code, nested": {"task_specific_params": {"text": [{"auto_map": CODE}]}},
    "a quantiser": {"quantization_config": {"quant_method": "evil"}},
    "another model": {"base_model_name_or_path": "evil/model"},
    "no architecture": {"architectures": None},
    "an unknown architecture": {"architectures": ["EvilForCausalLM"]},
    "two architectures": {"architectures": ["LlamaForCausalLM", "GPT2LMHeadModel"]},
    "an architecture that is no text": {"architectures": [["LlamaForCausalLM"]]},
    "a type that is not the architecture's": {"model_type": "falcon"},
    "a type from elsewhere": {"model_type": "evil"},
    "no type": {"model_type": None},
    "a key that no such model has": {"_custom_loader": "evil"},
    "a configuration inside": {"text_config": {"model_type": "llama"}},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_config_that_loads_more_is_refused(folder: Path, canary: Path, name: str, tally: Tally) -> None:
    (folder / "evil_but_not_python.txt").write_text(f"open({str(canary)!r}, 'w')")
    change(folder / "config.json", **CONFIGS[name])
    with pytest.raises(UserError, match="base model"):
        load_model(str(folder))
    assert not canary.exists()
    tally("traps refused", 1)


@pytest.mark.parametrize("file", ["tokenizer_config.json", "generation_config.json", "processor_config.json"])
def test_code_in_other_settings_is_refused(folder: Path, canary: Path, file: str, tally: Tally) -> None:
    change(folder / file, auto_map=CODE, trust_remote_code=True)
    with pytest.raises(UserError, match="its own code"):
        load_model(str(folder))
    tally("traps refused", 1)


def test_python_file_is_refused(folder: Path, canary: Path, tally: Tally) -> None:
    (folder / "modeling_evil.py").write_text(f"open({str(canary)!r}, 'w')")
    with pytest.raises(UserError, match="modeling_evil"):
        load_model(str(folder))
    assert not canary.exists()
    tally("traps refused", 1)


def test_adapter_is_refused(folder: Path, tally: Tally) -> None:
    """A loader would follow it to another model, past every check of this folder."""
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "evil/model", "r": 8}))
    with pytest.raises(UserError, match=r"adapter|another model"):
        load_model(str(folder))
    tally("traps refused", 1)


@pytest.mark.parametrize("shard", ["../../etc/shadow", "/etc/shadow", "weights.bin", "sub/model.safetensors"])
def test_weights_must_be_beside_their_index(folder: Path, shard: str, tally: Tally) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"lm_head.weight": shard}}))
    with pytest.raises(UserError, match="safetensors"):
        load_model(str(folder))
    tally("traps refused", 1)


WEIGHTS: dict[str, bytes] = {
    "empty": b"",
    "a header of 2^60 bytes": struct.pack("<Q", 2**60) + b"{}",
    "a header that is no JSON": struct.pack("<Q", 4) + b"nope",
    "a tensor outside the file": (lambda head: struct.pack("<Q", len(head)) + head)(
        b'{"lm_head.weight":{"dtype":"F32","shape":[9,9],"data_offsets":[0,99999]}}'
    ),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_broken_weights_are_a_user_error(folder: Path, name: str, tally: Tally) -> None:
    (folder / "model.safetensors").write_bytes(WEIGHTS[name])
    with pytest.raises(UserError, match="could not be loaded"):
        load_model(str(folder))
    tally("bad files refused", 1)


@pytest.mark.parametrize("text", ["[" * 100_000, "nope", "[]", "{}", "\ufeff{", '"x"'])
def test_broken_config_is_a_user_error(folder: Path, text: str, tally: Tally) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(UserError):
        load_model(str(folder))
    tally("bad files refused", 1)


PUBLISHED: dict[str, dict[str, Any]] = {
    "a Llama of 2024": {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "rope_theta": 500000.0, "torch_dtype": "bfloat16",
        "rope_scaling": {"factor": 32.0, "rope_type": "llama3"}, "is_llama_config": True, "rope_interleaved": False,
    },
    "a Qwen": {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "use_mrope": False, "rope_theta": 1e6},
    "a Pythia": {"architectures": ["GPTNeoXForCausalLM"], "model_type": "gpt_neox", "rotary_pct": 0.25},
    "a GPT-2": {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_ctx": 1024, "task_specific_params": {}},
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_configs_are_allowed(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(PUBLISHED[name]))
    allowlist.check_folder(tmp_path, name)


@pytest.mark.parametrize("kind", allowlist.ARCHITECTURES.values())
def test_loader_knows_every_supported_type(kind: str) -> None:
    assert {"model_type", "vocab_size"} <= allowlist.known_keys(kind)
