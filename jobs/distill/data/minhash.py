"""Near copies of texts: MinHash signatures of character shingles, locality-sensitive hashing, then the exact similarity.

Two texts are compared as they look (case, white space runs and invisible characters do not count), by the overlap of
their shingles: every run of five characters. Similarity is Jaccard's: shingles in both / shingles in either, 0 to 1.
Everything is made from fixed constants, so the same texts give the same pairs on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from .split import look_alike

SHINGLE = 5  # characters
BANDS, BAND_ROWS = 25, 5  # a pair of similarity 0.7 shares a band with 99 %, one of 0.3 with 6 %
HASHES = BANDS * BAND_ROWS
NEAR = 0.7
COMPARED = 20_000  # characters of a text that are looked at
NEIGHBOURS = 4  # of a text inside one bucket, beside the bucket's first
BLOCK = 1024  # shingles hashed at once: the table of BLOCK x HASHES stays in the processor's cache
SLACK = 0.15  # how far below the asked similarity an estimate of 125 hashes may lie (more than three deviations)

Hashes = npt.NDArray[np.uint64]
Signature = npt.NDArray[np.uint32]


def mixed(values: Hashes) -> Hashes:
    """The finaliser of splitmix64: nearby numbers become unrelated ones. Overflow wraps, as it should."""
    values = values ^ (values >> np.uint64(30))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    values = values ^ (values >> np.uint64(27))
    values = values * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)), dtype=np.uint64)


_STREAM = mixed(np.arange(1, 2 * HASHES + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
_FLIP = (_STREAM[:HASHES] >> np.uint64(32)).astype(np.uint32)
_FACTOR = (_STREAM[HASHES:] >> np.uint64(32)).astype(np.uint32) | np.uint32(1)


def shingles(text: str) -> Hashes:
    """Sorted distinct 64-bit hashes of the text's shingles; a text shorter than a shingle is one shingle; empty: none."""
    seen = look_alike(text[:COMPARED])
    if not seen:
        return np.zeros(0, dtype=np.uint64)
    letters = np.frombuffer(seen.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    width = min(SHINGLE, len(letters))
    total = np.zeros(len(letters) - width + 1, dtype=np.uint64)
    for i in range(width):
        total = total * np.uint64(0x100000001B3) + letters[i : len(letters) - width + 1 + i]
    return np.unique(mixed(total + np.uint64(width)))


def _signed(found: Hashes) -> Signature:
    """[HASHES] uint32: the least value of each hash function over the shingles; all ones for no shingle."""
    out = np.full(HASHES, 0xFFFFFFFF, dtype=np.uint32)
    short = (found >> np.uint64(32)).astype(np.uint32)
    for start in range(0, len(short), BLOCK):
        block = short[start : start + BLOCK, None]
        np.minimum(out, ((block ^ _FLIP) * _FACTOR).min(axis=0), out=out)
    return out


def signature(text: str) -> Signature:
    """[125] uint32. The share of equal places of two signatures estimates the similarity of the two texts."""
    return _signed(shingles(text))


def similarity(a: Hashes, b: Hashes) -> float:
    """Jaccard's similarity of two sets of shingles; 1.0 for two empty ones."""
    both = len(np.intersect1d(a, b, assume_unique=True))
    either = len(a) + len(b) - both
    return both / either if either else 1.0


def near_pairs(texts: Sequence[str], least: float = NEAR) -> list[tuple[int, int, float]]:
    """(i, j, similarity) with i < j, sorted, of texts at least this similar; 1.0: they look the same.

    Each copy is paired with the first text that looks the same; of different texts, each is compared with its bucket's
    first and its nearest neighbours there. A text that has a near copy is therefore in at least one pair, and groups of
    near copies hang together, without a pair for every two members of a large group.
    """
    first: dict[str, int] = {}
    pairs: list[tuple[int, int, float]] = []
    unique: list[int] = []
    for i, text in enumerate(texts):
        before = first.setdefault(look_alike(text), i)
        if before == i:
            unique.append(i)
        else:
            pairs.append((before, i, 1.0))
    signed = np.empty((len(unique), HASHES), dtype=np.uint32)
    for row, i in enumerate(unique):
        signed[row] = signature(texts[i])
    kept: dict[int, Hashes] = {}
    for a, b in _likely(signed, least - SLACK):
        left, right = unique[a], unique[b]
        if (score := similarity(_kept(kept, texts, left), _kept(kept, texts, right))) >= least:
            pairs.append((left, right, round(score, 4)))
    return sorted(pairs)


def _kept(kept: dict[int, Hashes], texts: Sequence[str], i: int) -> Hashes:
    """The shingles of a text, remembered while it is compared again and again."""
    if i not in kept:
        if len(kept) >= 1000:
            kept.clear()
        kept[i] = shingles(texts[i])
    return kept[i]


def _likely(signed: npt.NDArray[np.uint32], least: float) -> Iterator[tuple[int, int]]:
    """Sorted pairs (a < b) that share a band and whose signatures agree in at least this share of places."""
    count = len(signed)
    if count < 2:
        return
    found = [np.zeros(0, dtype=np.int64)]
    for band in range(BANDS):
        found.append(_in_buckets(signed[:, band * BAND_ROWS : (band + 1) * BAND_ROWS]))
    keys = np.unique(np.concatenate(found))
    for start in range(0, len(keys), 50_000):  # at most 50,000 x 125 comparisons in memory
        a, b = keys[start : start + 50_000] // count, keys[start : start + 50_000] % count
        agree = (signed[a] == signed[b]).mean(axis=1) >= least
        yield from zip(a[agree].tolist(), b[agree].tolist(), strict=True)


def _in_buckets(band: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """a * count + b of the pairs to look at: members of one bucket with its first and with their nearest before them."""
    count = len(band)
    key = np.zeros(count, dtype=np.uint64)
    for column in band.T:
        key = mixed(key + column.astype(np.uint64))
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    fresh = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    heads = order[np.maximum.accumulate(np.where(fresh, np.arange(count), 0))]
    out = [(heads * count + order)[~fresh]]
    for step in range(1, NEIGHBOURS + 1):
        same = ordered[step:] == ordered[:-step]
        out.append((order[:-step] * count + order[step:])[same])
    return np.concatenate(out)
