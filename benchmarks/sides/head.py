"""One forward and backward of JSD at the head: ours (teacher beside, or recorded top 64) or dense logits in plain torch.

python -m benchmarks.sides.head CASE VARIANT
"""

from __future__ import annotations

import contextlib
import ctypes
import sys

import torch
import torch.nn.functional as F
from torch import Tensor

from jobs.distill.catalog import PARTS
from jobs.distill.head import DenseTeacher, Head, RecordedTeacher, Teacher, head_pass, head_read
from jobs.distill.objectives.base import Objective

from .meter import Meter

CASES = {"v152k": (512, 896, 1536, 151936), "v32k": (2048, 512, 1024, 32768)}  # positions, H, teacher's H, vocabulary
BETA = 0.5
K = 64


class Inputs:
    """Random states and frozen heads, the same in every variant."""

    def __init__(self, case: str) -> None:
        n, wide, teacher_wide, self.vocab = CASES[case]
        g = torch.Generator().manual_seed(0)
        self.hidden = torch.randn(n, wide, generator=g)
        self.teacher_hidden = torch.randn(n, teacher_wide, generator=g)
        self.head = torch.randn(self.vocab, wide, generator=g).mul_(0.02)
        self.teacher_head = torch.randn(self.vocab, teacher_wide, generator=g).mul_(0.02)

    def teacher(self, recorded: bool) -> Teacher:
        if not recorded:
            return DenseTeacher(self.teacher_hidden, Head(self.teacher_head))
        got = head_read(self.teacher_hidden, Head(self.teacher_head), top_k=K)
        assert got.ids is not None and got.z is not None
        return RecordedTeacher(got.ids, got.z, got.lse)


def ours(inputs: Inputs, hidden: Tensor, teacher: Teacher) -> Tensor:
    part = PARTS["jsd"]()
    term = Objective(part, part.Options(beta=BETA))
    weights = torch.full((len(hidden),), 1 / len(hidden))
    return head_pass(hidden, Head(inputs.head), [term], [weights], teacher=teacher).loss


def dense(inputs: Inputs, hidden: Tensor) -> Tensor:
    """What a training loop does without a fused head: both [N, V] logits, log-softmax, mixture, autograd."""
    with torch.no_grad():
        lp = F.log_softmax(F.linear(inputs.teacher_hidden, inputs.teacher_head), -1)
    lq = F.log_softmax(F.linear(hidden, inputs.head), -1)
    lm = torch.logaddexp(lp, lq) - torch.log(torch.tensor(2.0))
    kl_p, kl_q = (F.kl_div(lm, x, log_target=True, reduction="sum") for x in (lp, lq))
    return (BETA * kl_p + (1 - BETA) * kl_q) / len(hidden)


def main() -> None:
    case, variant = sys.argv[1:3]
    inputs = Inputs(case)
    teacher = None if variant == "dense" else inputs.teacher(variant == "ours-recorded")
    if variant == "ours-recorded":
        del inputs.teacher_head
    hidden = inputs.hidden.requires_grad_()
    with contextlib.suppress(OSError, AttributeError):  # glibc: what making the inputs left free must not hide the peak
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    meter = Meter()
    meter.start()
    loss = dense(inputs, hidden) if teacher is None else ours(inputs, hidden, teacher)
    loss.backward()
    meter.stop(len(hidden), loss.item())


if __name__ == "__main__":
    main()
