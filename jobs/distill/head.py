"""The one chunked pass over the language-model head.

Only supervised positions are projected, a chunk of rows at a time; every objective term reads the same chunk; the
gradient by the hidden states (and by a trained head) is produced in the forward, so no [N, V] tensor ever exists.
N supervised positions, H hidden width, V shared real vocabulary, R rows of the head (padding included, R >= V).

How the gradient is put together. A term gives its derivative g_v by log q_T(v), either itself (`slope`) or by autograd
on the reads alone; then by the logits z it is (g - q sum_v g_v) / T. One softmax serves all terms of a temperature, and
with recorded signals nothing but that softmax is ever [chunk, V].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from .objectives.base import Objective, Slope
from .objectives.directions import Directions
from .objectives.joint import JointTeacher
from .objectives.maths import row_dot
from .objectives.scratch import Scratch
from .objectives.view import DenseTeacher, RecordedTeacher, Teacher, View
from .output_layer import Head, LowRank, backbone, probe, unwrap, wide

__all__ = [
    "DenseTeacher", "Head", "HeadOutput", "HeadReads", "JointTeacher", "LowRank", "RecordedTeacher", "View",
    "backbone", "choose_chunk", "head_pass", "head_read", "probe", "unwrap",
]  # fmt: skip

COPIES = 6  # live fp32 copies of a chunk's logits: both logits, both distributions, ratio, derivative
CPU_BUDGET = 512 * 2**20
CPU_BLOCK = 8 * 2**20  # one copy that still fits the caches: above it arithmetic waits for memory
CPU_ROWS = 128  # below it the head is read from memory too often
GPU_SHARE = 0.05


# -- chunks -------------------------------------------------------------------------------------------------------------


def choose_chunk(
    rows: int, vocab: int, device: torch.device | str = "cpu", budget: int | None = None
) -> tuple[int, str]:
    """Rows a chunk and the reason in words. budget: bytes for the live copies of a chunk's logits."""
    device = torch.device(device)
    if budget is None:
        # a share of all memory, not of what is free now: the chunk, and with it rounding, must not change on resume
        whole = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else 0
        budget = int(GPU_SHARE * whole) or CPU_BUDGET
    most = budget // (vocab * 4 * COPIES)
    best = rows if device.type == "cuda" else max(CPU_ROWS, CPU_BLOCK // (vocab * 4))
    chunk = max(16, min(most, best, rows))
    held = f"{COPIES} copies of {chunk} rows x {vocab} logits are {chunk * vocab * 4 * COPIES / 2**20:.0f} MiB"
    return chunk, f"{held} of the {budget / 2**20:.0f} MiB set aside"


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

    def view(self, logits: Tensor, rows: slice, scratch: Scratch | None = None) -> View:
        """With scratch the reads are leaves: the fused pass puts the gradient together itself."""
        teacher = None if self.teacher is None else self.teacher.chunk(rows, self.head.vocab)
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
    chunk = chunk or choose_chunk(len(hidden), widest, hidden.device)[0]
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
        view = job.view(job.head.project(h, u), rows)
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
        scratch = Scratch()
        for rows in job.slices(len(hidden)):
            block = scratch.take(rows.stop - rows.start, job.head.vocab, values.dtype, hidden.device)
            z = job.head.project(hidden[rows], None if inner is None else inner[rows], out=block)
            chunk_values, dz = _chunk(job, z, rows, scratch, any(wanted))
            values += chunk_values
            if dz is not None:
                grads.add(job.head.backward(z, dz), rows)
            scratch.reset()
        ctx.save_for_backward(*grads.tensors)
        ctx.dtypes = [None if x is None else x.dtype for x in (hidden, weight, bias, inner, up)]
        ctx.mark_non_differentiable(values)
        return values.sum(), values

    @staticmethod
    def backward(ctx: Any, upstream: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        out = [None if g is None else (g * upstream).to(d) for g, d in zip(ctx.saved_tensors, ctx.dtypes, strict=True)]
        return (*out, None, None)


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


def _chunk(job: _Job, z: Tensor, rows: slice, scratch: Scratch, train: bool) -> tuple[Tensor, Tensor | None]:
    """Weighted value of each term over these rows, [terms], and the derivative by the logits, [n, V]."""
    view = job.view(z, rows, scratch)
    by_temperature: dict[float, _Sum] = {}
    values, loss = [], None
    for term, weights in zip(job.terms, job.weights, strict=True):
        if term.closed_form(view):
            w = weights[rows] * term.weights(view)
            slope = term.part.slope(view, term.temperature, term.options)
            values.append((slope.value * w).sum())
            by_temperature.setdefault(term.temperature, _Sum()).add(slope, w)
            continue
        with torch.enable_grad():
            part = (term.value(view) * weights[rows]).sum()
            loss = part if loss is None else loss + part
        values.append(part.detach())
    if not train:
        return torch.stack(values), None
    extra = _leaf_gradients(view, loss, by_temperature)
    return torch.stack(values), _by_logits(view, by_temperature, extra, z)


class _Sum:
    """Sum over terms of weight * dl/dlog q at one temperature: dense parts, parts at ids, and its total a row."""

    def __init__(self) -> None:
        self.own: Tensor | None = None  # [n, V], already weighted
        self.shared: list[tuple[Tensor, Tensor]] = []  # ([n, V], weight [n, 1]): reads other terms use too
        self.at: list[tuple[Tensor, Tensor]] = []  # (ids, derivative), both [n, m]
        self.total: Tensor | float = 0.0
        self.constant: Tensor | float = 0.0  # the same for every id, [n]

    def add(self, slope: Slope, w: Tensor) -> None:
        if slope.dense is not None:
            total = slope.factor * slope.dense.sum(-1) if slope.total is None else slope.total
            weight = (w * slope.factor)[:, None]
            if slope.owned:
                self.add_own(slope.dense.mul_(weight))
            else:
                self.shared.append((slope.dense, weight))
        else:
            total = 0.0 if slope.total is None else slope.total
        self.total = self.total + w * total
        if slope.ids is not None and slope.sparse is not None:
            self.at.append((slope.ids, slope.sparse * w[:, None]))

    def add_own(self, g: Tensor) -> None:
        self.own = g if self.own is None else self.own.add_(g)

    def by_logits(self, q: Tensor, T: float) -> Tensor:
        """(g - q * total) / T, in q's own memory."""
        dz = q.mul_(torch.as_tensor(self.total, dtype=q.dtype, device=q.device).neg().reshape(-1, 1))
        if self.own is not None:
            dz.add_(self.own)
        for g, weight in self.shared:
            dz.addcmul_(g, weight)
        if isinstance(self.constant, Tensor):
            dz.add_(self.constant[:, None])
        for ids, g in self.at:
            dz.scatter_add_(-1, ids, g.to(dz.dtype))
        return dz.div_(T) if T != 1 else dz


def _leaf_gradients(view: View, loss: Tensor | None, sums: dict[float, _Sum]) -> Tensor | None:
    """Autograd by the reads of terms without a closed form, added to `sums`; returns what goes to the logits directly."""
    if loss is None or not view.leaves or not loss.requires_grad:
        return None
    leaves = list(view.leaves.items())
    grads = torch.autograd.grad(loss, [leaf for _, (leaf, _) in leaves], allow_unused=True)
    direct = None
    for ((kind, T, _), (_, ids)), g in zip(leaves, grads, strict=True):
        if g is None:
            continue
        if kind == "logits":
            direct = g
            continue
        at = sums.setdefault(T, _Sum())
        if kind == "lse":  # d lse / dz = q / T, the opposite sign of the shared -q * total
            at.total = at.total - g
        elif kind == "sum":  # the sum of log q over all ids
            at.constant = at.constant + g
            at.total = at.total + g * view.vocab
        elif kind == "logq":
            at.add_own(g)
            at.total = at.total + g.sum(-1)
        elif ids is not None:
            at.at.append((ids, g))
            at.total = at.total + g.sum(-1)
    return direct


def _by_logits(view: View, sums: dict[float, _Sum], direct: Tensor | None, z: Tensor) -> Tensor:
    """dz = sum over T of (g_T - q_T * total_T) / T, plus what was derived by the logits themselves."""
    out = direct
    for T, part in sums.items():
        dz = part.by_logits(view.q(T), T)
        out = dz if out is None else out.add_(dz)
    return torch.zeros_like(z) if out is None else out


# -- reads without gradient ---------------------------------------------------------------------------------------------


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
