"""The embedding file: a sentence model, as `python -m trainer embedding` made it, run without torch.

Knows the two files of its folder and their digests; a folder without them is no error, there is then no embedding.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ABOUT, MODEL, TOKENIZER = "embedding.json", "model.onnx", "tokenizer.json"
PIECES = 128
Codes = NDArray[np.int8]


class Embedding:
    """Texts to vectors of 8-bit codes, whose cosine is the similarity. One text at a time: the result never depends
    on what else is asked."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError or ValueError when the files are not what the folder says they are."""
        import onnxruntime
        from tokenizers import Tokenizer

        about = json.loads((folder / ABOUT).read_text())
        model, tokenizer = (folder / MODEL).read_bytes(), (folder / TOKENIZER).read_bytes()
        if digest_of(model, tokenizer) != about["digest"]:
            raise ValueError(f"The embedding file in {folder} is damaged; delete the folder and start again.")
        self.digest: str = about["digest"]
        self.dimensions: int = about["dimensions"]
        self._tokenizer = Tokenizer.from_str(tokenizer.decode())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        self._run: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]).run

    def codes(self, text: str) -> Codes:
        """The vector of a text: of its beginning and its end, when it is long."""
        ids = self._tokenizer.encode(text[:8_000] if len(text) <= 8_000 else text[:4_000] + text[-4_000:]).ids
        if len(ids) > PIECES:
            ids = ids[: PIECES // 2] + ids[-PIECES // 2 :]
        batch = np.array([ids], np.int64)
        vector = self._run(None, {"ids": batch, "mask": np.ones_like(batch)})[0][0]
        coded: Codes = np.rint(vector * (127 / max(1e-9, float(np.abs(vector).max())))).astype(np.int8)
        return coded


def digest_of(*files: bytes) -> str:
    digest = hashlib.sha256()
    for content in files:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def cosines(vector: Codes, rows: Codes) -> NDArray[np.float32]:
    """Return the cosine of a vector with each row."""
    left, right = vector.astype(np.float32), rows.astype(np.float32)
    lengths = np.linalg.norm(left) * np.linalg.norm(right, axis=1)
    cosine: NDArray[np.float32] = products(right, left) / np.maximum(lengths, 1e-9)
    return cosine


def products(rows: NDArray[np.float32], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the dot product of each row with a vector, on one thread: `@` uses several and waits for the slowest."""
    result: NDArray[np.float32] = np.einsum("ij,j->i", rows, vector)
    return result
