"""DistillKit's compressed log-probabilities, in its own environment: packed bytes from a mapped file, unpacked in batches.

python -m benchmarks.sides.signals_distillkit VARIANT      distillkit-128 (recommended), distillkit-50 (its budget pick)

The file is plain bytes, one row a position; DistillKit itself keeps them as lists in Parquet, which takes no less.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from distillkit.compression import DistributionQuantizationConfig, LogprobCompressor

from .meter import ReadMeter
from .topk import BATCH, LENGTH, ROWS, VOCAB, normaliser, top

SETTINGS = {  # as its README gives them
    "distillkit-128": {"k": 128, "exact_k": 16, "polynomial_terms": [0, 1, 2, 3, 4, "sqrt"]},
    "distillkit-50": {"k": 50, "exact_k": 1, "polynomial_terms": [0, 1, "sqrt"]},
}


def main() -> None:
    torch.set_num_threads(1)
    asked = SETTINGS[sys.argv[1]]
    made = {
        "d": VOCAB,
        "exact_dtype": "bfloat16",
        "term_dtype": "float32",
        "residual_bins": [],
        "delta_encoding": False,
    }
    compressor = LogprobCompressor(config=DistributionQuantizationConfig(**made, **asked, error_diffusion=False))
    ids, z = top(int(asked["k"]))
    logs = torch.from_numpy(z - normaliser(z, 1.0)[:, None].astype(np.float32))
    n = BATCH * LENGTH
    with tempfile.TemporaryDirectory() as place:
        packed = [
            compressor.compress_from_sparse(torch.from_numpy(ids[i : i + n]), logs[i : i + n])
            for i in range(0, len(z), n)
        ]
        for name in packed[0]:
            np.save(Path(place) / f"{name}.npy", torch.cat([p[name] for p in packed]).numpy().astype(np.uint8))
        size = sum(p.stat().st_size for p in Path(place).glob("*.npy"))
        meter, seen = ReadMeter(), 0.0
        files = {name: np.load(Path(place) / f"{name}.npy", mmap_mode="r") for name in packed[0]}
        for begin in range(0, len(z), n):
            batch = {name: torch.from_numpy(np.array(file[begin : begin + n])) for name, file in files.items()}
            found, values = compressor.decompress_to_sparse(batch)
            seen += float(values.float().sum()) + float(found.sum())
        meter.stop(ROWS * LENGTH, size, int(asked["k"]))


if __name__ == "__main__":
    main()
