"""Zip archives: raw bytes, or members whose names and contents come from them."""

import io
import warnings
import zipfile

from .harness import fuzz, hostile


def packed(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data in members:
            archive.writestr(name or "x", data)
    return out.getvalue()


def made(data: bytes) -> bytes:
    if data[:1] != b"m":
        return data
    parts = [part.partition(b":") for part in data[1:].split(b"\xff")]
    return packed(*((name.decode("utf-8", "replace").replace("\0", ""), rest) for name, _, rest in parts))


if __name__ == "__main__":
    row = b'{"text":"a","label":"b"}\n'
    named = b"mtrain.jsonl:" + row + b"\xfftest.jsonl:" + row * 2
    seeds = [
        *hostile(".zip"),
        packed(("d/a.csv", b"text,label\na,b\n"), ("README", b"x")),
        named,
        b"ma.csv:a,b\n1,2\xff../b.csv:x",
    ]
    fuzz("x.zip", seeds, made, ["zipfile"])
