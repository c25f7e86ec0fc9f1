"""The inputs of the head benchmark: random states and frozen heads, the same in every environment. Only torch is needed."""

from __future__ import annotations

import contextlib
import ctypes

import torch

CASES = {"v152k": (512, 896, 1536, 151936), "v32k": (2048, 512, 1024, 32768)}  # positions, H, teacher's H, vocabulary
BETA = 0.5


class Inputs:
    """hidden [N, H] with gradient, teacher_hidden [N, H'], head [V, H], teacher_head [V, H'], float32."""

    def __init__(self, case: str) -> None:
        n, wide, teacher_wide, self.vocab = CASES[case]
        g = torch.Generator().manual_seed(0)
        self.hidden = torch.randn(n, wide, generator=g).requires_grad_()
        self.teacher_hidden = torch.randn(n, teacher_wide, generator=g)
        self.head = torch.randn(self.vocab, wide, generator=g).mul_(0.02)
        self.teacher_head = torch.randn(self.vocab, teacher_wide, generator=g).mul_(0.02)


def tidy() -> None:
    """glibc: what making the inputs left free must not hide the peak."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
