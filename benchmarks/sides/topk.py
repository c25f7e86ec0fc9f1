"""The teacher of the signals benchmark: the largest logits of random positions, the same numbers in every environment."""

from __future__ import annotations

import numpy as np

VOCAB = 151_936
ROWS, LENGTH = 256, 96  # rows and positions of each
BATCH = 16  # rows read at a time


def top(k: int) -> tuple[np.ndarray, np.ndarray]:
    """ids [N, k] int64 and raw logits [N, k] float32 in falling order, N = ROWS * LENGTH. The curve falls like a language
    model's: steeply at first, then as the logarithm of the rank."""
    made = np.random.Generator(np.random.PCG64(0))
    n = ROWS * LENGTH
    ids = made.integers(0, VOCAB - k, (n, 1)) + made.permuted(np.tile(np.arange(k), (n, 1)), axis=1)
    sharpness = made.gamma(2.0, 1.0, (n, 1)).astype(np.float32)
    noise = np.sort(made.normal(0, 0.3, (n, k)).astype(np.float32), axis=1)[:, ::-1]
    return ids, 20 - (1 + sharpness) * np.log1p(np.arange(k, dtype=np.float32)) + noise


def normaliser(z: np.ndarray, T: float) -> np.ndarray:
    """log sum exp(z / T) over the kept ids and an even tail a hundredth as likely, [N]."""
    largest = z.max(-1, keepdims=True)
    kept = np.exp((z - largest) / T).sum(-1)
    return np.asarray(np.log(kept * 1.01) + largest[:, 0] / T)
