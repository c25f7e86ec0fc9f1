"""Large blocks come back without new pages."""

from __future__ import annotations

import ctypes
import resource
import subprocess
import sys

import pytest

CODE = """
import resource, sys
from jobs.distill import heap
if sys.argv[1] == "keep":
    assert heap.keep()
def used():
    blocks = [bytearray(1 << 23) for _ in range(8)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
used()
before = used()
for _ in range(4):
    after = used()
print(after - before)
"""


def _glibc() -> bool:
    try:
        return hasattr(ctypes.CDLL("libc.so.6"), "mallopt")
    except OSError:
        return False


@pytest.mark.skipif(not _glibc(), reason="another C library")
def test_a_freed_block_is_used_again_without_new_pages():
    faults = {
        how: int(subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True).stdout)
        for how in ("keep", "as it comes")
    }
    pages = (1 << 26) // resource.getpagesize()
    assert faults["keep"] < pages / 8
    assert faults["as it comes"] > pages
