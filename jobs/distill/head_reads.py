"""Reads of an output layer without gradient, chunk by chunk: for recording a teacher's signals and for evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .head_chunk import choose_chunk
from .objectives.maths import row_dot
from .output_layer import Head


@dataclass(frozen=True)
class HeadReads:
    """What `head_read` brings back for N positions; fields that were not asked for are None.

    label_logp: log-probability of the label at T = 1, [N]. best: id of the largest logit, [N]. entropy: nats, [N].
    lse: {T: [N]} exact log-normaliser. ids [N, K] int32 and z [N, K]: the largest logits in falling order; count [N]: how
    many of them are needed for the asked mass, mass [N]: the probability those hold at T = 1.
    """

    label_logp: Tensor | None
    best: Tensor
    entropy: Tensor | None
    lse: dict[float, Tensor]
    ids: Tensor | None = None
    z: Tensor | None = None
    count: Tensor | None = None
    mass: Tensor | None = None


@torch.no_grad()
def head_read(
    hidden: Tensor,
    head: Head,
    labels: Tensor | None = None,
    *,
    temperatures: Sequence[float] = (1.0,),
    top_k: int = 0,
    mass: float = 1.0,
    entropy: bool = False,
    chunk: int | None = None,
) -> HeadReads:
    """Forward only, chunk by chunk: for recording a teacher's signals and for evaluation. hidden [N, H], labels [N]."""
    chunk = chunk or choose_chunk(len(hidden), head.vocab, hidden.device)[0]
    columns: dict[Any, list[Tensor]] = {}
    for start in range(0, max(len(hidden), 1), chunk):
        z = head.logits(hidden[start : start + chunk])
        for name, value in _read(
            z, None if labels is None else labels[start : start + chunk], temperatures, top_k, mass, entropy
        ):
            columns.setdefault(name, []).append(value)
    got = {name: torch.cat(values) for name, values in columns.items()}
    lse = {float(T): got["lse", T] for T in temperatures}
    return HeadReads(lse=lse, **{n: got.get(n) for n in ("label_logp", "best", "entropy", "ids", "z", "count", "mass")})  # type: ignore[arg-type]


def _read(
    z: Tensor, labels: Tensor | None, temperatures: Sequence[float], top_k: int, mass: float, entropy: bool
) -> list[tuple[Any, Tensor]]:
    out: list[tuple[Any, Tensor]] = [("best", z.argmax(-1))]
    lse1 = torch.logsumexp(z, -1)
    out += [(("lse", T), lse1 if T == 1 else torch.logsumexp(z / T, -1)) for T in temperatures]
    if labels is not None:
        out.append(("label_logp", z.gather(-1, labels[:, None])[:, 0] - lse1))
    if entropy:
        out.append(("entropy", lse1 - row_dot(torch.softmax(z, -1), z)))
    if top_k:
        values, ids = z.topk(min(top_k, z.shape[-1]), -1)
        held = (values - lse1[:, None]).exp().cumsum(-1)
        count = ((held < mass).sum(-1) + 1).clamp(max=values.shape[-1])
        held_by_count = held.gather(-1, count[:, None] - 1)[:, 0]
        out += [("ids", ids.int()), ("z", values), ("count", count.int()), ("mass", held_by_count)]
    return out
