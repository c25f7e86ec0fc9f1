"""The one chunked pass over the language-model head.

Only supervised positions are projected, a chunk of rows at a time; every objective term reads the same chunk; the
gradient by the hidden states (and by a trained head) is produced in the forward, so no [N, V] tensor ever exists.
N supervised positions, H hidden width, V shared real vocabulary, R rows of the head (padding included, R >= V).

How the gradient is put together. A term gives its derivative g_v by log q_T(v), either itself (`slope`) or by autograd
on the reads alone; then by the logits z it is (g - q sum_v g_v) / T. One softmax serves all terms of a temperature, and
with recorded signals nothing but that softmax is ever [chunk, V].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .errors import ModelRejected
from .objectives.base import Objective, Slope
from .objectives.maths import row_dot
from .objectives.view import DenseTeacher, RecordedTeacher, Teacher, View

__all__ = [
    "DenseTeacher", "Head", "HeadOutput", "HeadReads", "LowRank", "RecordedTeacher", "View",
    "backbone", "choose_chunk", "head_pass", "head_read", "probe", "unwrap",
]  # fmt: skip

COPIES = 6  # live fp32 copies of a chunk's logits: both logits, both distributions, ratio, derivative
CPU_BUDGET = 512 * 2**20
GPU_SHARE = 0.1
PROBE_TOKENS = 7
PROBE_LIMIT = 1e-3


# -- the head of a model ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LowRank:
    """LoRA on the head, kept apart: logits += scaling * (h A^T) B^T. A [r, H], B [R, r]."""

    down: Tensor
    up: Tensor
    scaling: float
    dropout: Callable[[Tensor], Tensor] | None = None

    def inner(self, hidden: Tensor) -> Tensor:
        """scaling * dropout(h) A^T, [N, r]."""
        h = hidden.to(self.down.dtype)
        return F.linear(self.dropout(h) if self.dropout else h, self.down) * self.scaling


@dataclass(frozen=True)
class Head:
    """z = cap * tanh(scale * (h W^T + b) / cap); without a cap the tanh is the identity."""

    weight: Tensor
    bias: Tensor | None = None
    scale: float = 1.0
    cap: float | None = None
    vocab: int = 0
    low_rank: LowRank | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.vocab <= self.weight.shape[0]:
            raise ValueError(f"vocab is {self.vocab}, but the head has {self.weight.shape[0]} rows")
        if self.vocab == 0:
            object.__setattr__(self, "vocab", self.weight.shape[0])

    @classmethod
    def of(cls, model: nn.Module, vocab: int | None = None) -> Head:
        """The head of a transformers causal LM, bare or wrapped by peft. `vocab`: ids both models share.

        Built anew for every step: with a trained head its tensors carry the graph. Raises ModelRejected when the
        output layer is none the pass knows.
        """
        causal = unwrap(model)
        config = causal.config.get_text_config()
        scale, cap = _scaling(config), _softcap(config)
        weight, bias, low_rank = _weights(causal)
        return cls(weight, bias, scale, cap, vocab or min(config.vocab_size, weight.shape[0]), low_rank)

    def logits(self, hidden: Tensor, vocab: int | None = None) -> Tensor:
        """[n, H] -> [n, V] in float32 (float64 stays)."""
        inner = None if self.low_rank is None else self.low_rank.inner(hidden)
        return self.project(hidden, inner, vocab)

    def project(self, hidden: Tensor, inner: Tensor | None = None, vocab: int | None = None) -> Tensor:
        """`logits` with the low-rank activation [n, r] already at hand."""
        V = vocab or self.vocab
        z = _wide(F.linear(hidden.to(self.weight.dtype), self.weight[:V], None if self.bias is None else self.bias[:V]))
        if self.low_rank is not None and inner is not None:
            z = z + F.linear(inner, self.low_rank.up[:V])
        if self.scale != 1:
            z = z * self.scale
        return z if self.cap is None else torch.tanh(z / self.cap) * self.cap

    def backward(self, z: Tensor, dz: Tensor) -> Tensor:
        """Derivative by the projection from the derivative by the logits; works in place on dz."""
        if self.cap is not None:
            dz.mul_(1 - (z / self.cap) ** 2)
        return dz.mul_(self.scale) if self.scale != 1 else dz


def unwrap(model: nn.Module) -> Any:
    """The transformers causal LM inside; peft's layers stay where they are."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def backbone(model: nn.Module) -> nn.Module:
    """The part that gives last hidden states: `backbone(m)(input_ids=..., attention_mask=...)[0]` -> [B, L, H]."""
    return unwrap(model).base_model


def _wide(z: Tensor) -> Tensor:
    return z if z.dtype == torch.float64 else z.float()


def _scaling(config: Any) -> float:
    """Families that multiply the logits (Cohere, Falcon-H1, HyperCLOVA X) or divide them (Granite, MiniCPM)."""
    scale = 1.0
    for name in ("output_multiplier", "lm_head_multiplier", "logit_scale"):
        scale *= getattr(config, name, None) or 1.0
    scaling = getattr(config, "logits_scaling", None) or 1.0
    return scale * scaling if config.model_type.startswith("hyperclovax") else scale / scaling


def _softcap(config: Any) -> float | None:
    for name in ("final_logit_softcapping", "logits_soft_cap", "output_logit_soft_cap"):
        if (cap := getattr(config, name, None)) is not None:
            return float(cap)
    return 15.0 if config.model_type == "nanochat" else None


def _weights(causal: Any) -> tuple[Tensor, Tensor | None, LowRank | None]:
    """Weight, bias and low-rank part of the output layer: a plain linear, peft's full copy, or LoRA on it."""
    layer = causal.get_output_embeddings()
    if hasattr(layer, "modules_to_save"):
        active = [] if layer.disable_adapters else [n for n in layer.active_adapters if n in layer.modules_to_save]
        layer = layer.modules_to_save[active[0]] if active else layer.original_module
    base = layer.get_base_layer() if hasattr(layer, "get_base_layer") else layer
    weight = getattr(base, "weight", None)
    if weight is None or weight.ndim != 2 or not weight.is_floating_point():
        raise ModelRejected(
            f"The output layer of this model ({type(base).__name__}) is not a plain linear layer.",
            hint="Load the model without quantising lm_head.",
        )
    bias = getattr(base, "bias", None)
    active = [] if base is layer or layer.disable_adapters or layer.merged else _lora_names(layer)
    if not active:
        return weight, bias, None
    if len(active) == 1 and not getattr(layer, "use_dora", {}).get(active[0]):
        return weight, bias, _low_rank(layer, active[0])
    return _effective(layer, weight, active), bias, None


def _lora_names(layer: Any) -> list[str]:
    if not hasattr(layer, "lora_A"):
        raise ModelRejected(
            f"The adapter on the output layer ({type(layer).__name__}) is none this engine can train through.",
            hint="Use LoRA, or leave lm_head out of the adapter's target layers.",
        )
    return [name for name in layer.active_adapters if name in layer.lora_A]


def _low_rank(layer: Any, name: str) -> LowRank:
    dropout = layer.lora_dropout[name]
    used = None if isinstance(dropout, nn.Identity) else dropout
    return LowRank(layer.lora_A[name].weight, layer.lora_B[name].weight, float(layer.scaling[name]), used)


def _effective(layer: Any, weight: Tensor, names: list[str]) -> Tensor:
    """W + sum of scaling * B A, rescaled row by row where DoRA asks for it (its norm is a constant, arXiv:2402.09353)."""
    for name in names:
        delta = layer.scaling[name] * (layer.lora_B[name].weight @ layer.lora_A[name].weight)
        weight = weight + delta.to(weight.dtype)
        if getattr(layer, "use_dora", {}).get(name):
            norm = torch.linalg.norm(weight.detach(), dim=1)
            weight = (layer.lora_magnitude_vector[name].weight / norm)[:, None] * weight
    return weight


@torch.no_grad()
def probe(model: nn.Module, head: Head | None = None) -> float:
    """Compares the pass's logits with the model's own on a few tokens; returns the largest difference.

    Raises ModelRejected above 1e-3 of the logits' size: the family scales its logits in a way the pass does not know.
    """
    head = head or Head.of(model)
    was_training = model.training
    model.eval()
    try:
        ids = torch.arange(1, PROBE_TOKENS + 1, device=head.weight.device)[None] % head.vocab
        hidden = backbone(model)(input_ids=ids)[0][0]
        ours = head.logits(hidden)
        theirs = model(input_ids=ids).logits[0, :, : head.vocab].to(ours.dtype)
    finally:
        model.train(was_training)
    gap = (ours - theirs).abs().max().item()
    coarse = {torch.bfloat16: 2**-6, torch.float16: 2**-9}.get(head.weight.dtype, 0.0)
    allowed = max(PROBE_LIMIT, coarse) * max(1.0, theirs.abs().max().item())
    if not gap <= allowed:
        raise ModelRejected(
            f"The logits of {type(unwrap(model)).__name__} differ by {gap:.2g} from hidden states times output layer"
            f" (allowed: {allowed:.2g}).",
            hint="This model family scales its output in a way the workbench does not know yet; choose another student.",
        )
    return gap


# -- chunks -------------------------------------------------------------------------------------------------------------


def choose_chunk(rows: int, vocab: int, device: torch.device | str = "cpu", budget: int | None = None) -> tuple[int, str]:
    """Rows a chunk and the reason in words. budget: bytes for the live copies of a chunk's logits."""
    device = torch.device(device)
    if budget is None and device.type == "cuda":
        budget = int(GPU_SHARE * torch.cuda.mem_get_info(device)[0])
    budget = budget or CPU_BUDGET
    chunk = max(16, min(budget // (vocab * 4 * COPIES), max(rows, 16)))
    held = chunk * vocab * 4 * COPIES / 2**20
    return chunk, f"{COPIES} copies of {chunk} rows x {vocab} logits are {held:.0f} MiB of the {budget / 2**20:.0f} MiB set aside"


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

    def view(self, logits: Tensor, rows: slice, leaves: bool = False) -> View:
        teacher = None if self.teacher is None else self.teacher.chunk(rows, self.head.vocab)
        return View(logits, teacher, None if self.labels is None else self.labels[rows], leaves=leaves)

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
    if isinstance(teacher, DenseTeacher) and teacher.head.weight.shape[0] < head.vocab:
        raise ValueError(f"the teacher's head has {teacher.head.weight.shape[0]} rows, the shared vocabulary {head.vocab} ids")
    chunk = chunk or choose_chunk(len(hidden), head.vocab, hidden.device)[0]
    weights = [_wide(w) for w in weights]
    inner = None if head.low_rank is None else head.low_rank.inner(hidden)
    up = None if head.low_rank is None else head.low_rank.up
    job = _Job(head, terms, weights, labels, teacher, chunk)
    if mode == "fused":
        loss, values = _Fused.apply(hidden, head.weight, head.bias, inner, up, job, torch.is_grad_enabled())
        return HeadOutput(loss, values, chunk)
    rows = _recomputed(job, hidden, inner)
    parts = [(r * w).sum() for r, w in zip(rows, weights, strict=mode == "recompute")]
    loss = torch.stack(parts).sum() if parts else hidden.new_zeros(())
    return HeadOutput(loss, torch.stack(parts).detach() if parts else loss.detach(), chunk, rows if mode == "tokens" else [])


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
    return [torch.cat(column) if column else _wide(hidden.new_zeros(0)) for column in columns]


class _Fused(torch.autograd.Function):
    """One projection and one gradient product a chunk; double backward is not supported."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, inner: Tensor | None, up: Tensor | None, job: _Job, train: bool
    ) -> tuple[Tensor, Tensor]:
        wanted = [train and x is not None and x.requires_grad for x in (hidden, weight, bias, inner, up)]
        grads = _Gradients(job.head, hidden, inner, wanted)
        values = torch.zeros(len(job.terms), dtype=torch.promote_types(torch.float32, hidden.dtype), device=hidden.device)
        for rows in job.slices(len(hidden)):
            z = job.head.project(hidden[rows], None if inner is None else inner[rows])
            chunk_values, dz = _chunk(job, z, rows, any(wanted))
            values += chunk_values
            if dz is not None:
                grads.add(job.head.backward(z, dz), rows)
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


def _chunk(job: _Job, z: Tensor, rows: slice, train: bool) -> tuple[Tensor, Tensor | None]:
    """Weighted value of each term over these rows, [terms], and the derivative by the logits, [n, V]."""
    view = job.view(z, rows, leaves=True)
    by_temperature: dict[float, _Sum] = {}
    values, loss = [], None
    for term, weights in zip(job.terms, job.weights, strict=True):
        w = weights[rows] * term.factor
        if term.part.slope is not None and (view.dense or not term.needs_teacher):
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
    """Sum over terms of weight * dl/dlog q at one temperature: a dense part, parts at ids, and its total a row."""

    def __init__(self) -> None:
        self.dense: Tensor | None = None
        self.at: list[tuple[Tensor, Tensor]] = []
        self.total: Tensor | float = 0.0

    def add(self, slope: Slope, w: Tensor) -> None:
        if slope.total is None and slope.dense is not None:
            self.total = self.total + w * slope.factor * slope.dense.sum(-1)
        elif slope.total is not None:
            self.total = self.total + w * slope.total
        if slope.dense is not None:
            self.add_dense(slope.dense, (w * slope.factor)[:, None], slope.owned)
        if slope.ids is not None and slope.sparse is not None:
            self.at.append((slope.ids, slope.sparse * w[:, None]))

    def add_dense(self, g: Tensor, w: Tensor | None = None, owned: bool = True) -> None:
        """Adds w * g; `owned`: g may be overwritten, which spares a copy of [n, V]."""
        if self.dense is None:
            self.dense = g if w is None and owned else g.mul_(w) if owned else g * w
        else:
            self.dense = self.dense.add_(g) if w is None else self.dense.addcmul_(g, w)


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
        elif kind == "logq":
            at.add_dense(g)
            at.total = at.total + g.sum(-1)
        else:
            at.at.append((ids, g))
            at.total = at.total + g.sum(-1)
    return direct


def _by_logits(view: View, sums: dict[float, _Sum], direct: Tensor | None, z: Tensor) -> Tensor:
    """dz = sum over T of (g_T - q_T * total_T) / T, plus what was derived by the logits themselves."""
    out = direct
    for T, part in sums.items():
        total = torch.as_tensor(part.total, dtype=z.dtype, device=z.device).neg().reshape(-1, 1)
        dz = view.q(T).mul_(total) if part.dense is None else part.dense.addcmul_(view.q(T), total)
        for ids, g in part.at:
            dz.scatter_add_(-1, ids, g.to(dz.dtype))
        if T != 1:
            dz.div_(T)
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
        for name, value in _read(z, None if labels is None else labels[start : start + chunk], temperatures, top_k, mass, entropy):
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
