"""NaN and infinity among the weights, found by their bits: in IEEE formats the exponent of both is all ones. No torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from ..errors import ModelRejected
from .headers import Tensor

BLOCK = 1 << 22  # bytes read at a time; a multiple of every number's size
LISTED = 5
# dtype -> (unsigned integer of the same width, bits of the exponent)
EXPONENT = {
    "F16": ("<u2", 0x7C00),
    "BF16": ("<u2", 0x7F80),
    "F32": ("<u4", 0x7F800000),
    "F64": ("<u8", 0x7FF0000000000000),
}


def check_finite(folder: Path, tensors: Iterable[Tensor]) -> None:
    """Reads every weight once; raises ModelRejected naming tensors and how many of their numbers are not finite."""
    by_file: dict[str, list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        if tensor.dtype in EXPONENT:
            by_file[tensor.file].append(tensor)
    bad = [(t, n) for file, part in by_file.items() for t in part if (n := _count(folder / file, t))]
    if bad:
        named = ", ".join(f"{t.name} ({n:,} of {t.numel:,})" for t, n in bad[:LISTED]) + (
            " ..." if len(bad) > LISTED else ""
        )
        raise ModelRejected(
            f"Weights that are not numbers (NaN or infinite): {named}.", code="MODEL_NOT_FINITE",
            hint="The model is damaged or was trained with an overflow. Download it again, or choose another revision.",
        )  # fmt: skip


def _count(path: Path, tensor: Tensor) -> int:
    """How many numbers of a tensor are NaN or infinite."""
    import numpy as np

    kind, exponent = EXPONENT[tensor.dtype]
    found, left = 0, tensor.end - tensor.start
    with path.open("rb") as f:
        f.seek(8 + int.from_bytes(f.read(8), "little") + tensor.start)
        while left and (block := f.read(min(BLOCK, left))):
            left -= len(block)
            bits = np.frombuffer(block, dtype=kind)
            found += int(np.count_nonzero((bits & bits.dtype.type(exponent)) == exponent))
    return found
