"""One forward and backward of JSD at the head: ours (teacher beside, or recorded top 64) or dense logits in plain torch.

python -m benchmarks.sides.head CASE VARIANT
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from jobs.distill.catalog import PARTS
from jobs.distill.head import DenseTeacher, Head, RecordedTeacher, Teacher, head_pass, head_read
from jobs.distill.objectives.base import Objective

from .head_inputs import BETA, Inputs, tidy
from .meter import Meter

K = 64
FIVE = {"jsd": {"beta": BETA}, "forward-kl": {}, "reverse-kl": {}, "skew-kl": {}, "tvd": {}}


def teacher_of(inputs: Inputs, recorded: bool) -> Teacher:
    if not recorded:
        return DenseTeacher(inputs.teacher_hidden, Head(inputs.teacher_head))
    got = head_read(inputs.teacher_hidden, Head(inputs.teacher_head), top_k=K)
    assert got.ids is not None and got.z is not None
    return RecordedTeacher(got.ids, got.z, got.lse)


def ours(inputs: Inputs, teacher: Teacher, names: Sequence[str]) -> Tensor:
    """The loss of one term, or of several as equal parts of one objective."""
    parts = {name: PARTS[name]() for name in names}
    terms = [Objective(part, part.Options(**FIVE[name])) for name, part in parts.items()]
    n = len(inputs.hidden)
    weights = [torch.full((n,), 1 / n / len(terms)) for _ in terms]
    return head_pass(inputs.hidden, Head(inputs.head), terms, weights, teacher=teacher).loss


def dense(inputs: Inputs) -> Tensor:
    """What a training loop does without a fused head: both [N, V] logits, log-softmax, mixture, autograd."""
    with torch.no_grad():
        lp = F.log_softmax(F.linear(inputs.teacher_hidden, inputs.teacher_head), -1)
    lq = F.log_softmax(F.linear(inputs.hidden, inputs.head), -1)
    lm = torch.logaddexp(lp, lq) - torch.log(torch.tensor(2.0))
    kl_p, kl_q = (F.kl_div(lm, x, log_target=True, reduction="sum") for x in (lp, lq))
    return (BETA * kl_p + (1 - BETA) * kl_q) / len(inputs.hidden)


def main() -> None:
    case, variant = sys.argv[1:3]
    inputs = Inputs(case)
    teacher = None if variant == "dense" else teacher_of(inputs, variant == "ours-recorded")
    if variant == "ours-recorded":
        del inputs.teacher_head
    tidy()
    meter = Meter()
    meter.start()
    names = list(FIVE) if variant == "ours-five-terms" else ["jsd"]
    loss = dense(inputs) if teacher is None else ours(inputs, teacher, names)
    loss.backward()
    meter.stop(len(inputs.hidden), loss.item())


if __name__ == "__main__":
    main()
