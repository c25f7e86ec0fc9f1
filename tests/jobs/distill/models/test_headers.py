import json
import struct
from pathlib import Path

import pytest

from jobs.distill.errors import ModelRejected
from jobs.distill.models.headers import read_header


def write(path: Path, header: object, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(shape=(2, 2), start=0, end=16, dtype="F32") -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


def test_it_reads_names_shapes_and_offsets(tmp_path):
    path = write(
        tmp_path / "m.safetensors",
        {"b": entry(start=16, end=32), "a": entry(), "__metadata__": {"format": "pt"}},
        bytes(32),
    )
    assert [(t.name, t.shape, t.numel) for t in read_header(path)] == [("a", (2, 2), 4), ("b", (2, 2), 4)]


HOSTILE = {
    "duplicate key": (
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        4,
    ),
    "traversal in a name": ({"../../etc/passwd": entry()}, 16),
    "control character in a name": ({"a\n": entry()}, 16),
    "huge shape without data": ({"a": entry(shape=[0, 2**40], end=0)}, 0),
    "shape overflow": ({"a": entry(shape=[2**33, 2**33])}, 16),
    "negative shape": ({"a": entry(shape=[-2, -2])}, 16),
    "boolean shape": ({"a": entry(shape=[True, 4])}, 16),
    "unknown dtype": ({"a": entry(dtype="X9")}, 16),
    "hole": ({"a": entry(start=4, end=20)}, 20),
    "overlap": ({"a": entry(), "b": entry(start=8, end=24)}, 24),
    "extra bytes": ({"a": entry()}, 20),
    "truncated": ({"a": entry()}, 8),
    "wrong size": ({"a": entry(end=12)}, 12),
    "missing fields": ({"a": {"dtype": "F32"}}, 0),
    "entry is a list": ({"a": [1, 2]}, 0),
    "header is a list": ([1], 0),
    "not UTF-8": (b'{"\xff":1}', 0),
    "NaN": (b'{"a":NaN}', 0),
    "deep nesting": (b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}", 0),
    "200,000 tensors": ({f"t{i}": entry(shape=[1], start=i, end=i + 1, dtype="U8") for i in range(200_000)}, 200_000),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_it_refuses_a_hostile_header(tmp_path, what):
    header, size = HOSTILE[what]
    path = write(tmp_path / "model.safetensors", header, bytes(size))
    with pytest.raises(ModelRejected, match="model.safetensors") as e:
        read_header(path)
    assert e.value.code == "MODEL_FILE_BROKEN"


@pytest.mark.parametrize("length", [2**63, 200 * 2**20, 10_000])
def test_it_refuses_a_header_longer_than_the_file_without_reading_it(tmp_path, length):
    with pytest.raises(ModelRejected, match="cut or is not safetensors"):
        read_header(write(tmp_path / "m.safetensors", {"a": entry()}, bytes(16), length))


@pytest.mark.parametrize("content", [b"", b"1234567"])
def test_it_refuses_a_file_too_short(tmp_path, content):
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(ModelRejected, match="cut or is not"):
        read_header(tmp_path / "m.safetensors")


@pytest.mark.parametrize("content", [b"\x80\x04\x95" + bytes(50), b"PK\x03\x04" + bytes(50)])
def test_it_knows_a_renamed_pickle(tmp_path, content):
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(ModelRejected, match="pickle"):
        read_header(tmp_path / "m.safetensors")
