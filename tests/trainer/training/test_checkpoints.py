"""A checkpoint is used complete or not at all."""

from __future__ import annotations

from pathlib import Path

import torch

from trainer.training import checkpoints


def test_save_and_load_keeps_only_the_newest(tmp_path: Path) -> None:
    for step in (1, 2):
        checkpoints.save(tmp_path, step, {"weights": {"w": torch.full((2,), float(step))}}, {"step": step})
    path = checkpoints.newest(tmp_path)
    assert path is not None
    groups, state = checkpoints.load(path)
    assert (state["step"], groups["weights"]["w"].tolist()) == (2, [2.0, 2.0])
    assert len(list(tmp_path.iterdir())) == 1


def test_damaged_checkpoint_is_skipped(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, 1, {"weights": {"w": torch.ones(2)}}, {"step": 1})
    intact = checkpoints.newest(tmp_path)
    (tmp_path / "step-00000009").mkdir()
    (tmp_path / "writing.tmp").mkdir()
    assert checkpoints.newest(tmp_path) == intact
    assert intact is not None
    (intact / "weights.safetensors").write_bytes(b"damaged")
    assert checkpoints.newest(tmp_path) is None
