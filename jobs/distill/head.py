"""The one chunked pass over the language-model head.

Only supervised positions are projected, a chunk of rows at a time; every objective term reads the same chunk; the
gradient by the hidden states (and by a trained head) is produced in the forward, so no [N, V] tensor ever exists.
N supervised positions, H hidden width, V shared real vocabulary, R rows of the head (padding included, R >= V).

A chunk is projected at once; the terms then pass over it in blocks of rows that stay in the processor's cache, and the
derivative takes the place of the logits (`head_gradient` says how it is put together). With recorded signals nothing but
the logits is ever [chunk, V].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from .head_chunk import COPIES, COPIES_IN_BLOCKS, blocks, choose_chunk
from .head_gradient import block_gradient
from .head_reads import HeadReads, head_read
from .objectives.base import Objective
from .objectives.directions import Directions
from .objectives.joint import JointTeacher
from .objectives.live import LiveTeacher
from .objectives.scratch import Scratch
from .objectives.view import DenseTeacher, RecordedTeacher, Teacher, View
from .output_layer import Head, LowRank, backbone, probe, unwrap
from .products import wide

__all__ = [
    "DenseTeacher", "Head", "HeadOutput", "HeadReads", "JointTeacher", "LowRank", "RecordedTeacher", "View",
    "backbone", "choose_chunk", "head_pass", "head_read", "probe", "unwrap",
]  # fmt: skip


@dataclass
class HeadOutput:
    """loss: scalar with graph. values: each term's share of it, [terms], detached. rows: per-position values of each
    term, [terms][N], with graph, in mode tokens only. chunk: rows a chunk."""

    loss: Tensor
    values: Tensor
    chunk: int
    rows: list[Tensor] = field(default_factory=list)


@dataclass(frozen=True)
class _Job:
    """Everything a chunk needs besides the tensors that carry gradient."""

    head: Head
    terms: Sequence[Objective]
    weights: Sequence[Tensor]
    labels: Tensor | None
    teacher: Teacher | None
    chunk: int

    def teacher_of(self, rows: slice) -> Any:
        return None if self.teacher is None else self.teacher.chunk(rows, self.head.vocab)

    def view(self, logits: Tensor, rows: slice, teacher: Any, scratch: Scratch | None = None) -> View:
        """With scratch the reads are leaves: the fused pass puts the gradient together itself."""
        return View(
            logits,
            teacher,
            None if self.labels is None else self.labels[rows],
            leaves=scratch is not None,
            scratch=scratch,
            directions=self.directions,
        )

    @cached_property
    def directions(self) -> Directions:
        return Directions(self.head.weight, self.head.vocab)

    def slices(self, n: int) -> list[slice]:
        return [slice(i, min(i + self.chunk, n)) for i in range(0, n, self.chunk)]


def head_pass(
    hidden: Tensor,
    head: Head,
    terms: Sequence[Objective],
    weights: Sequence[Tensor],
    labels: Tensor | None = None,
    *,
    teacher: Teacher | None = None,
    chunk: int | None = None,
    mode: Literal["fused", "recompute", "tokens"] = "fused",
) -> HeadOutput:
    """Loss of all terms over N supervised positions.

    hidden [N, H] student states at the positions that predict `labels` [N]; weights: one [N] a term, the term's weight
    times the row's weight over the normaliser of the whole optimizer step, so that micro-batches add up exactly.
    fused: gradient made in the forward. recompute: logits rebuilt in backward, for terms whose row weights have a
    graph. tokens: `rows` of the output carry the graph and `weights` may be empty (the loss is then 0).
    """
    if isinstance(teacher, DenseTeacher | JointTeacher) and teacher.head_rows < head.vocab:
        raise ValueError(f"the teacher's head has {teacher.head_rows} rows, the shared vocabulary {head.vocab} ids")
    widest = max(head.vocab, getattr(teacher, "vocab", 0))  # a teacher of another tokenizer may have more tokens
    in_blocks = mode == "fused" and hidden.device.type == "cpu" and _cuts(teacher)
    copies = COPIES_IN_BLOCKS if in_blocks else COPIES
    chunk = chunk or choose_chunk(len(hidden), widest, hidden.device, copies=copies)[0]
    weights = [wide(w) for w in weights]
    inner = None if head.low_rank is None else head.low_rank.inner(hidden)
    up = None if head.low_rank is None else head.low_rank.up
    job = _Job(head, terms, weights, labels, teacher, chunk)
    if mode == "fused":
        loss, values = _Fused.apply(hidden, head.weight, head.bias, inner, up, job, torch.is_grad_enabled())
        return HeadOutput(loss, values, chunk)
    rows = _recomputed(job, hidden, inner)
    parts = [(r * w).sum() for r, w in zip(rows, weights, strict=mode == "recompute")]
    loss = torch.stack(parts).sum() if parts else hidden.new_zeros(())
    return HeadOutput(
        loss, torch.stack(parts).detach() if parts else loss.detach(), chunk, rows if mode == "tokens" else []
    )


def _recomputed(job: _Job, hidden: Tensor, inner: Tensor | None) -> list[Tensor]:
    """Per-position values with a graph; each chunk's logits live only while it is worked on, forward and backward."""

    def values(h: Tensor, u: Tensor | None, rows: slice) -> tuple[Tensor, ...]:
        view = job.view(job.head.project(h, u), rows, job.teacher_of(rows))
        return tuple(term.value(view) for term in job.terms)

    columns: list[list[Tensor]] = [[] for _ in job.terms]
    for rows in job.slices(len(hidden)):
        u = None if inner is None else inner[rows]
        for column, value in zip(columns, checkpoint(values, hidden[rows], u, rows, use_reentrant=False), strict=True):
            column.append(value)
    return [torch.cat(column) if column else wide(hidden.new_zeros(0)) for column in columns]


class _Fused(torch.autograd.Function):
    """One projection and one gradient product a chunk; double backward is not supported."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        inner: Tensor | None,
        up: Tensor | None,
        job: _Job,
        train: bool,
    ) -> tuple[Tensor, Tensor]:
        wanted = [train and x is not None and x.requires_grad for x in (hidden, weight, bias, inner, up)]
        grads = _Gradients(job.head, hidden, inner, wanted)
        values = torch.zeros(
            len(job.terms), dtype=torch.promote_types(torch.float32, hidden.dtype), device=hidden.device
        )
        held, passing = Scratch(), Scratch()  # of a chunk, of a block
        for rows in job.slices(len(hidden)):
            z = job.head.project(hidden[rows], None if inner is None else inner[rows], scratch=held)
            chunk_values, dz = _chunk(job, z, rows, held, passing, any(wanted))
            values += chunk_values
            if dz is not None:
                grads.add(dz, rows)
            del z, dz
            held.reset()
        ctx.save_for_backward(*grads.tensors)
        ctx.dtypes = [None if x is None else x.dtype for x in (hidden, weight, bias, inner, up)]
        ctx.mark_non_differentiable(values)
        return values.sum(), values

    @staticmethod
    def backward(ctx: Any, upstream: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        out = [None if g is None else (g * upstream).to(d) for g, d in zip(ctx.saved_tensors, ctx.dtypes, strict=True)]
        return (*out, None, None)


def _cuts(teacher: Any) -> bool:
    """Whether a chunk of this side may be cut into blocks; one of another tokenizer is laid out whole."""
    return teacher is None or isinstance(teacher, DenseTeacher | JointTeacher | RecordedTeacher)


def _chunk(
    job: _Job, z: Tensor, rows: slice, held: Scratch, passing: Scratch, train: bool
) -> tuple[Tensor, Tensor | None]:
    """Weighted value of each term over these rows, [terms], and the derivative by the projection, [n, V], in z's memory."""
    teacher = job.teacher_of(rows)
    live = isinstance(teacher, DenseTeacher | JointTeacher)
    if live:
        teacher = LiveTeacher(teacher, job.head.vocab, held)
    whole = not (live or _cuts(teacher))
    values = torch.zeros(len(job.terms), dtype=z.dtype, device=z.device)
    for block in [slice(0, len(z))] if whole else blocks(len(z), job.head.vocab, z.device, live):
        at = slice(rows.start + block.start, rows.start + block.stop)
        part = teacher if whole or teacher is None else teacher.chunk(block, job.head.vocab)
        view = job.view(z[block], at, part, passing)
        found, dz = block_gradient(view, z[block], job.terms, [w[at] for w in job.weights], train)
        values += found
        if dz is not None:
            z[block] = job.head.backward(z[block], dz)
        passing.reset()
    return values, z if train else None


class _Gradients:
    """Gradients by hidden, weight, bias, low-rank activation and B, filled chunk by chunk; the head's own in float32."""

    def __init__(self, head: Head, hidden: Tensor, inner: Tensor | None, wanted: list[bool]) -> None:
        self.head, self.hidden, self.inner = head, hidden, inner
        of = [hidden, head.weight, head.bias, inner, None if head.low_rank is None else head.low_rank.up]
        summed = (1, 2, 4)  # sums over positions: rounding would pile up in half precision
        self.tensors: list[Tensor | None] = []
        for i, (x, want) in enumerate(zip(of, wanted, strict=True)):
            wide = torch.promote_types(x.dtype, torch.float32) if x is not None and i in summed else None
            self.tensors.append(torch.zeros_like(x, dtype=wide) if want and x is not None else None)

    def add(self, dz: Tensor, rows: slice) -> None:
        """dz [n, V]: derivative by the projection of these rows."""
        V, (g_hidden, g_weight, g_bias, g_inner, g_up) = dz.shape[1], self.tensors
        narrow = dz.to(self.head.weight.dtype)
        if g_hidden is not None:
            g_hidden[rows] = (narrow @ self.head.weight[:V]).to(g_hidden.dtype)
        if g_weight is not None:
            g_weight[:V].addmm_(dz.t(), self.hidden[rows].to(dz.dtype))
        if g_bias is not None:
            g_bias[:V] += dz.sum(0)
        if self.head.low_rank is not None and self.inner is not None:
            up = self.head.low_rank.up[:V]
            if g_inner is not None:
                g_inner[rows] = (dz.to(up.dtype) @ up).to(g_inner.dtype)
            if g_up is not None:
                g_up[:V].addmm_(dz.t(), self.inner[rows].to(dz.dtype))
