"""One forward and backward of JSD at the head by TRL's chunked divergence or Liger's fused linear JSD.

python -m benchmarks.sides.head_others CASE trl-chunked|liger-fused

Liger's loss takes the temperature 1 and the weight of the hard loss 0. It is run as its authors default it (torch.compile,
chunks of 1,024 positions) after one call that compiles it.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

from .head_inputs import BETA, Inputs, tidy
from .meter import Meter


def trl(inputs: Inputs) -> Tensor:
    from trl.kernels.chunked_divergence import ChunkedDivergenceFunction

    found = ChunkedDivergenceFunction.apply(
        inputs.hidden, inputs.head, None, inputs.teacher_hidden, inputs.teacher_head, None, BETA
    )
    divergence: Tensor = found[0]
    return divergence.mean()


def liger(inputs: Inputs) -> Tensor:
    from liger_kernel.chunked_loss import LigerFusedLinearJSDLoss

    loss = LigerFusedLinearJSDLoss(weight_hard_loss=0.0, weight_soft_loss=1.0, beta=BETA)
    labels = torch.zeros(len(inputs.hidden), dtype=torch.long)
    out: Tensor = loss(inputs.hidden, inputs.head, inputs.teacher_hidden, inputs.teacher_head, labels)
    return out


def main() -> None:
    case, variant = sys.argv[1:3]
    inputs = Inputs(case)
    if variant == "liger-fused":
        liger(inputs).backward()  # type: ignore[no-untyped-call]
        inputs.hidden.grad = None
    tidy()
    meter = Meter()
    meter.start()
    loss = liger(inputs) if variant == "liger-fused" else trl(inputs)
    loss.backward()  # type: ignore[no-untyped-call]
    meter.stop(len(inputs.hidden), loss.item())


if __name__ == "__main__":
    main()
