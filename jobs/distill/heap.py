"""Memory of the process that stays with it between one operation and the next."""

from __future__ import annotations

import contextlib
import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
KEPT = 1 << 24  # bytes of one block: activations; logits of a chunk, whose size changes, would leave holes
AT_MOST = 1 << 30  # bytes in all


def keep() -> bool:
    """Tells glibc to keep what a tensor leaves free for the next one; False where the C library is another.

    As it comes it hands every large block back to the kernel, which clears each page when it is asked for again: a
    twentieth of a training step on CPU.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        return bool(libc.mallopt(MMAP_THRESHOLD, KEPT)) and bool(libc.mallopt(TRIM_THRESHOLD, AT_MOST))
    return False
