"""Text in gzip; every other file is damaged after it was packed."""

import gzip

from .harness import fuzz, hostile


def made(data: bytes) -> bytes:
    if not data or data[0] % 2:
        return gzip.compress(data[1:], 1, mtime=0)
    packed = bytearray(gzip.compress(data[3:], 1, mtime=0))
    packed[data[1 % len(data)] % len(packed)] ^= data[2 % len(data)]
    return bytes(packed)


if __name__ == "__main__":
    fuzz("x.jsonl.gz", [b"\1" + seed for seed in hostile(".jsonl")], made)
