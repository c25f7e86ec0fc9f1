"""Texts as vectors without any model: words hashed into columns, weighed by how rare they are."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np

WORD = re.compile(r"\w+|[^\w\s]")


def tf_idf(texts: Sequence[str], width: int = 512) -> np.ndarray:
    """[rows, width] float32 of length 1 (0 for a text without words): log(1 + count) * log((1 + n) / (1 + rows with it)) + 1."""
    out = np.zeros((len(texts), width), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in WORD.findall(text.lower()):
            out[row, zlib.crc32(word.encode()) % width] += 1
    found = (out > 0).sum(0)
    out = np.log1p(out) * (np.log((1 + len(texts)) / (1 + found)) + 1).astype(np.float32)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12).astype(np.float32)
