"""Where each request's reply lies: 64 bits of its hash -> a place, in two flat arrays, so that a million replies are 32 MB."""

from __future__ import annotations

from array import array

SMALLEST = 1024  # slots


class Index:
    """Open addressing with linear probing. A place is any number below 2**64; the first one put for a hash stays.

    Whoever reads the place compares the whole hash: two hashes that share their first 64 bits share a slot.
    """

    def __init__(self) -> None:
        self._clear(SMALLEST)

    def _clear(self, slots: int) -> None:
        self._keys, self._places = array("Q", bytes(8 * slots)), array("Q", bytes(8 * slots))
        self._mask, self._used = slots - 1, 0

    def __len__(self) -> int:
        return self._used

    def _slot(self, key: int) -> int:
        """Of the key, or the free one where it would stand."""
        at = key & self._mask
        while self._keys[at] not in (0, key):
            at = (at + 1) & self._mask
        return at

    def get(self, sha256: str) -> int | None:
        key = _key(sha256)
        at = self._slot(key)
        return self._places[at] if self._keys[at] == key else None

    def put(self, sha256: str, place: int) -> bool:
        """False when the hash has a place already."""
        return self._put(_key(sha256), place)

    def _put(self, key: int, place: int) -> bool:
        at = self._slot(key)
        if self._keys[at]:
            return False
        self._keys[at], self._places[at] = key, place
        self._used += 1
        if 2 * self._used > self._mask:
            self._grow()
        return True

    def _grow(self) -> None:
        keys, places = self._keys, self._places
        self._clear(4 * (self._mask + 1))
        for key, place in zip(keys, places, strict=True):
            if key:
                self._put(key, place)


def _key(sha256: str) -> int:
    return int(sha256[:16], 16) or 1  # 0 is a free slot
