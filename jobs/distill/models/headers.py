"""Our own reader of safetensors headers: what is in a file, without allocating anything the file asks for.

The library accepts duplicate keys, names with `../`, hundreds of thousands of tensors and shapes like [0, 2**40]; we do not.
Layout of a file: 8 bytes little-endian header length n, n bytes of JSON {name: {dtype, shape, data_offsets}}, then the data.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ModelRejected
from . import strict_json

MAX_HEADER = 32 * 2**20
MAX_TENSORS = 100_000
MAX_INDEX = 16 * 2**20
BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,255}")
_SHARD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,200}\.safetensors")


@dataclass(frozen=True, slots=True)
class Tensor:
    """One entry of a header. `start` and `end` are offsets into the file's data section, in bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int
    file: str

    @property
    def numel(self) -> int:
        return math.prod(self.shape)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of a model folder, by name; raises ModelRejected for anything broken, missing, doubled or outside."""
    out: dict[str, Tensor] = {}
    for file in weight_files(folder):
        for tensor in read_header(folder / file):
            if tensor.name in out:
                raise _broken(file, f"tensor {tensor.name} is also in {out[tensor.name].file}")
            out[tensor.name] = tensor
    return out


def weight_files(folder: Path) -> list[str]:
    """Names of the weight files: model.safetensors, or the shards of the index. Raises ModelRejected."""
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        if (folder / "model.safetensors").exists():
            return ["model.safetensors"]
        raise ModelRejected(
            "There is no model.safetensors in this folder.",
            code="MODEL_NO_WEIGHTS",
            hint="Save the model with save_pretrained: it writes config.json, model.safetensors and the tokenizer.",
        )
    weights = strict_json.read_object(index, MAX_INDEX).get("weight_map")
    if not isinstance(weights, dict) or not weights:
        raise _broken(index.name, "weight_map is missing or empty")
    files = sorted({str(f) for f in weights.values()})
    for file in files:
        if not _SHARD.fullmatch(file) or ".." in file:
            raise _broken(index.name, f"weight_map points to {file[:80]!r}, which is not a file of this folder")
        if not (folder / file).is_file():
            raise _broken(index.name, f"{file} is named in weight_map and is not there")
    return files


def read_header(path: Path) -> list[Tensor]:
    """Tensors of one safetensors file, in the order of their data; raises ModelRejected with the reason."""
    size = path.stat().st_size
    with path.open("rb") as f:
        first = f.read(8)
        _refuse_pickle(path.name, first)
        length = int.from_bytes(first, "little")
        if len(first) < 8 or length > size - 8:
            raise _broken(path.name, f"the file has {size:,} bytes and is cut or is not safetensors")
        if length > MAX_HEADER:
            raise _broken(path.name, f"its header says {length:,} bytes; at most {MAX_HEADER:,} are read")
        header = strict_json.loads(f.read(length), f"The header of {path.name}")
    if not isinstance(header, dict):
        raise _broken(path.name, "its header is not a JSON object")
    header.pop("__metadata__", None)
    if len(header) > MAX_TENSORS:
        raise _broken(path.name, f"it holds {len(header):,} tensors; at most {MAX_TENSORS:,} are read")
    tensors = sorted((_tensor(path.name, n, e) for n, e in header.items()), key=lambda t: t.start)
    _check_layout(path.name, tensors, size - 8 - length)
    return tensors


def _tensor(file: str, name: str, entry: Any) -> Tensor:
    if not _NAME.fullmatch(name) or ".." in name:
        raise _broken(file, f"{name[:80]!r} is not the name of a tensor")
    try:
        dtype, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise _broken(file, f"tensor {name} has no dtype, shape or data_offsets") from None
    if dtype not in BYTES:
        raise _broken(file, f"tensor {name} has the number format {str(dtype)[:20]!r}; read are {', '.join(BYTES)}")
    if len(shape) > 8 or not all(type(n) is int and 0 < n < 2**40 for n in shape):
        raise _broken(file, f"tensor {name} has the shape {str(list(shape))[:80]}")
    if type(start) is not int or type(end) is not int or not 0 <= start <= end:
        raise _broken(file, f"tensor {name} has impossible offsets")
    if end - start != math.prod(shape) * BYTES[dtype]:
        raise _broken(
            file,
            f"tensor {name} of shape {list(shape)} needs {math.prod(shape) * BYTES[dtype]:,} bytes, its offsets give {end - start:,}",
        )
    return Tensor(name, dtype, shape, start, end, file)


def _check_layout(file: str, tensors: list[Tensor], data: int) -> None:
    """The tensors fill the data section without hole or overlap."""
    at = 0
    for t in tensors:
        if t.start != at:
            raise _broken(file, f"tensor {t.name} starts at byte {t.start:,}, the one before ends at {at:,}")
        at = t.end
    if at != data:
        raise _broken(file, f"its tensors take {at:,} bytes, the file holds {data:,}")


def _refuse_pickle(file: str, first: bytes) -> None:
    if first[:1] == b"\x80" and first[1:2] <= b"\x05" or first[:4] == b"PK\x03\x04":
        raise ModelRejected(
            f"{file} is a pickle file with another ending. Pickle files can run code.",
            code="MODEL_PICKLE",
            hint="Convert the model to safetensors.",
        )


def _broken(file: str, reason: str) -> ModelRejected:
    return ModelRejected(
        f"{file} is broken: {reason}.", code="MODEL_FILE_BROKEN", hint="Download or save the model again."
    )
