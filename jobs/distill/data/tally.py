"""Places for keys of 64 bits, in about 17 bytes a key: a dict of Python numbers takes six times as much."""

from __future__ import annotations

from array import array

BITS = 2**64 - 1
START = 1024  # slots; a power of two


class Tally:
    """Numbers keys from 0 in the order they come. What belongs to a key stands in arrays beside it, at its place.

    Keys must be well spread (hashes): the lowest bits choose the slot, the next free slot is taken after it.
    """

    __slots__ = ("_keys", "_mask", "_slots")

    def __init__(self) -> None:
        self._keys, self._slots, self._mask = array("Q"), array("I", bytes(4 * START)), START - 1

    def __len__(self) -> int:
        return len(self._keys)

    def place(self, key: int) -> int:
        """The place of a key; a new key gets the next one, which is `len()` before the call."""
        key &= BITS
        keys, slots, mask = self._keys, self._slots, self._mask
        slot = key & mask
        while found := slots[slot]:
            if keys[found - 1] == key:
                return found - 1
            slot = (slot + 1) & mask
        keys.append(key)
        slots[slot] = len(keys)
        if len(keys) * 3 > mask * 2:
            self._grow()
        return len(keys) - 1

    def find(self, key: int) -> int | None:
        """The place of a key that came before, else None; nothing is added."""
        key &= BITS
        slot = key & self._mask
        while found := self._slots[slot]:
            if self._keys[found - 1] == key:
                return found - 1
            slot = (slot + 1) & self._mask
        return None

    def _grow(self) -> None:
        size = 2 * len(self._slots)
        slots, mask = array("I", bytes(4 * size)), size - 1
        for place, key in enumerate(self._keys, start=1):
            slot = key & mask
            while slots[slot]:
                slot = (slot + 1) & mask
            slots[slot] = place
        self._slots, self._mask = slots, mask
