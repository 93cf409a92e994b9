"""Complete-or-absent checkpoints of a fine-tuning run. Knows tensors, files and hashes; knows nothing of the loop.

A checkpoint is a folder `step-00000123` with safetensors only (no pickle), a `state.json` and a `manifest.json` of
SHA-256. It appears by one rename after every file was fsynced, and is used only if every hash agrees.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from trainer.atomic import publish_folder, sha256_of

MANIFEST = "manifest.json"
Tensors = dict[str, torch.Tensor]


def save(folder: Path, step: int, groups: dict[str, Tensors], state: dict[str, Any]) -> None:
    """Write `folder/step-N`, then remove older checkpoints. Each group becomes one safetensors file."""
    temporary = folder / "writing.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for name, tensors in groups.items():
        save_file(
            {key: value.detach().contiguous() for key, value in tensors.items()}, temporary / f"{name}.safetensors"
        )
    (temporary / "state.json").write_text(json.dumps(state))
    hashes = {path.name: sha256_of(path) for path in sorted(temporary.iterdir())}
    (temporary / MANIFEST).write_text(json.dumps(hashes, indent=1))
    final = folder / f"step-{step:08d}"
    publish_folder(temporary, final)
    for older in folder.glob("step-*"):
        if older != final:
            shutil.rmtree(older, ignore_errors=True)


def newest(folder: Path) -> Path | None:
    """Return the newest checkpoint whose every file agrees with its manifest, or None."""
    return next((path for path in sorted(folder.glob("step-*"), reverse=True) if _is_intact(path)), None)


def _is_intact(path: Path) -> bool:
    try:
        hashes = json.loads((path / MANIFEST).read_text())
        return all(sha256_of(path / name) == digest for name, digest in hashes.items())
    except (OSError, ValueError):
        return False


def load(path: Path) -> tuple[dict[str, Tensors], dict[str, Any]]:
    """Return (groups of tensors, state) of a checkpoint."""
    groups = {file.stem: load_file(file) for file in sorted(path.glob("*.safetensors"))}
    return groups, json.loads((path / "state.json").read_text())


def trainable(model: Any) -> Tensors:
    """Return the weights that training changes, by name."""
    return {name: p.data for name, p in model.named_parameters() if p.requires_grad}


def restore(model: Any, tensors: Tensors) -> None:
    """Copy saved weights into the model."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.data.copy_(tensors[name])


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    state = optimizer.state_dict()["state"]
    return {f"{index}.{key}": value for index, entry in state.items() for key, value in entry.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    state: dict[int, Tensors] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
