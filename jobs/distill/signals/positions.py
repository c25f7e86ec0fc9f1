"""Signals of one row, and of a micro-batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class RowSignals:
    """Signals of one row of P positions and E entries. The last three are None where format 1 was read."""

    counts: np.ndarray  # uint16 [P]
    ids: np.ndarray  # int32 [E]
    z: np.ndarray  # float16 [E]
    lse: np.ndarray  # float32 [P, T]
    label: np.ndarray | None = None  # float32 [P]
    entropy: np.ndarray | None = None  # float16 [P]
    mass: np.ndarray | None = None  # float32 [P]

    def at(self, columns: Sequence[int]) -> RowSignals:
        """The same with these temperatures alone."""
        if list(columns) == list(range(self.lse.shape[1])):
            return self
        return replace(self, lse=np.ascontiguousarray(self.lse[:, list(columns)]))

    def held(self, column: int) -> np.ndarray:
        """Probability of the kept ids at T = 1, [P]; `column` is that temperature's."""
        if self.mass is not None:
            return self.mass
        lse = np.repeat(self.lse[:, column], self.counts)
        position = np.repeat(np.arange(len(self.counts)), self.counts)
        return np.bincount(position, np.exp(self.z.astype(np.float32) - lse), len(self.counts)).astype(np.float32)


def trim(
    ids: np.ndarray,
    z: np.ndarray,
    count: np.ndarray,
    lse: np.ndarray,
    temperatures: Sequence[float],
    label: np.ndarray | None = None,
    entropy: np.ndarray | None = None,
    mass: np.ndarray | None = None,
) -> RowSignals:
    """Keeps the first `count` [P] of each position's top ids [P, K].

    z [P, K] are raw logits in falling order, lse [P, T] their normalisers; both are stored relative to the largest
    logit, where fp16 is finest. label, entropy, mass [P]: of the whole distribution at T = 1.
    """
    top = z[:, :1]
    keep = np.arange(ids.shape[1])[None, :] < count[:, None]
    shifted = lse - top / np.asarray(temperatures, dtype=np.float32)[None, :]
    return RowSignals(
        count.astype(np.uint16),
        ids[keep].astype(np.int32),
        (z - top).astype(np.float16)[keep],
        shifted.astype(np.float32),
        None if label is None else label.astype(np.float32),
        None if entropy is None else entropy.astype(np.float16),
        None if mass is None else mass.astype(np.float32),
    )


def collate(rows: Sequence[RowSignals]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Signals of a micro-batch, padded to its widest position: ids [N, K], z [N, K] float32, lse [N, T], mask [N, K]."""
    counts = np.concatenate([r.counts for r in rows]).astype(np.int64)
    ids, z = np.concatenate([r.ids for r in rows]), np.concatenate([r.z for r in rows])
    lse = np.concatenate([r.lse for r in rows])
    widest = int(counts.max())
    if len(ids) == len(counts) * widest:  # nothing to pad
        shape = (len(counts), widest)
        return ids.reshape(shape).astype(np.int64), z.reshape(shape).astype(np.float32), lse, np.ones(shape, dtype=bool)
    mask = np.arange(widest)[None, :] < counts[:, None]
    padded_ids = np.zeros(mask.shape, dtype=np.int64)
    padded_z = np.zeros(mask.shape, dtype=np.float32)
    padded_ids[mask], padded_z[mask] = ids, z
    return padded_ids, padded_z, lse, mask
