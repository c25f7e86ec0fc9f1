"""Dual-space distillation: each model's states are projected into the other's space, so both heads judge both models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base import SMALLEST, Options, Paper, StatesPart
from .alm import painted
from .side import aligned_in

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ...output_layer import Head
    from ..states import ModelShape, States

PAPER = Paper(
    title="Dual-Space Knowledge Distillation for Large Language Models", authors="Zhang, Zhang, Sun, Chen, Xu", year=2024,
    venue="EMNLP", url="https://arxiv.org/abs/2406.17328", arxiv="2406.17328",
)  # fmt: skip


class DualSpace(StatesPart):
    id = "dskd"
    title = "Dual-space distillation"
    summary = "The teacher's states, projected to the student's width, go through the student's output layer and teach there; and the other way round."
    when_to_use = (
        "Different tokenizers that cut most of the text alike: positions that have read the same text are compared."
    )
    formula = (
        r"\ell = \mathrm{CE}(y, q^{t \to s}) + [\,\hat y^{t \to s} = y\,]\, \mathrm{KL}(\mathrm{sg}\, q^{t \to s} \,\|\, q)"
        r" + \mathrm{KL}(p \,\|\, p^{s \to t})"
    )
    paper = PAPER
    reads = ("student.hidden", "teacher.hidden")
    needs = frozenset({"teacher", "aligned", "live_teacher"})

    @staticmethod
    def helper_parameters(student: int, teacher: int) -> int:
        """Numbers in the modules, from the widths of both models."""
        return teacher * (student + 1) + student + student * teacher

    def module(self, student: ModelShape, teacher: ModelShape | None, options: Options) -> nn.Module:
        from torch import nn

        width = _width(teacher)
        return nn.ModuleDict({"t2s": nn.Linear(width, student.hidden), "s2t": nn.Linear(student.hidden, width)})

    def measure(self, states: States, module: Any, T: float, options: Options) -> Tensor:
        batch = aligned_in(states.extras)
        at = (batch.by_span >= 0).nonzero()[:, 0]
        other = batch.by_span[at]
        value = student_space(states, module["t2s"](batch.hidden[other].float()), at, T)
        value = value + teacher_space(
            batch.head, module["s2t"](states.hidden[at].float()), batch.hidden[other], T, states.chunk
        )
        value = value + sum(p.sum() for p in module.parameters()) * 0  # a micro-batch without a pair still reaches them
        return value.new_zeros(len(states.labels)).index_put((at,), value)


class CrossModelAttention(StatesPart):
    id = "dskd-cma"
    title = "Dual-space distillation with cross-model attention"
    summary = "Dual-space distillation in which a trained attention finds, for each student token, the teacher tokens that stand for it."
    when_to_use = "Tokenizers that cut the text very differently, so that few positions have a partner."
    formula = (
        r"\ell = \mathrm{CE}(y, q^{t \to s}) + [\,\hat y^{t \to s} = y\,]\, \mathrm{KL}(\mathrm{sg}\, q^{t \to s} \,\|\, q)"
        r" + \mathrm{KL}(p \,\|\, p^{s \to t}),\quad h^{t \to s} = \mathrm{softmax}\bigl(\frac{Q K^\top}{\sqrt{2 d_T}}\bigr) P^{t \to s}(h^t)"
    )
    paper = PAPER
    reads = ("student.hidden", "teacher.hidden")
    needs = frozenset({"teacher", "aligned", "live_teacher"})

    @staticmethod
    def helper_parameters(student: int, teacher: int) -> int:
        """Numbers in the modules, from the widths of both models."""
        return DualSpace.helper_parameters(student, teacher) + (2 * student + 1) * 2 * teacher

    def module(self, student: ModelShape, teacher: ModelShape | None, options: Options) -> nn.Module:
        from torch import nn

        width = _width(teacher)
        return nn.ModuleDict({
            "query": nn.Linear(2 * student.hidden, 2 * width),
            "t2s": nn.Linear(width, student.hidden),
            "s2t": nn.Linear(student.hidden, width),
        })  # fmt: skip

    def measure(self, states: States, module: Any, T: float, options: Options) -> Tensor:
        import torch

        batch = aligned_in(states.extras)
        everyone = torch.arange(len(states.labels), device=states.labels.device)
        rows = range(len(batch.aligned))
        pairs = [
            attended(states, module, (states.of == r).nonzero()[:, 0], (batch.of == r).nonzero()[:, 0]) for r in rows
        ]
        value = student_space(states, torch.cat([t2s for t2s, _ in pairs]), everyone, T)
        own = teacher_space(batch.head, torch.cat([s2t for _, s2t in pairs]), batch.hidden, T, states.chunk)
        # The teacher's positions of an answer are shared out among the student's, as often as each counts.
        whole = own.new_zeros(len(batch.aligned))
        if states.paint is None:
            count = torch.bincount(states.of, minlength=len(batch.aligned)).to(own.dtype)
            return value + (whole.index_add(0, batch.of, own) / count)[states.of]
        mine = states.paint.to(own.dtype)
        inside = batch.teacher_spans >= 0
        by_span = painted(mine, batch.student_spans, len(batch.span_rows))
        theirs = torch.ones_like(own)
        theirs[inside] = by_span[batch.teacher_spans[inside]]
        count = whole.index_add(0, states.of, mine).clamp_min(SMALLEST)
        return value + (whole.index_add(0, batch.of, own * theirs) / count)[states.of]


def attended(states: States, module: Any, mine: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """One answer, n student and m teacher positions: teacher states for each student position [n, H], student states
    for each teacher position [m, H_T]. Keys are what the tokens are (input and target embeddings), not where they stand."""
    import torch

    batch = aligned_in(states.extras)
    assert batch.inputs is not None and batch.embeddings is not None
    (in_s, in_t), (words_s, words_t) = batch.inputs, batch.embeddings
    query = torch.cat([words_s[in_s[mine]], words_s[states.labels[mine]]], -1).float()
    target = words_t[batch.labels[other]].float()
    key = _scaled(torch.cat([words_t[in_t[other]].float(), target], -1))
    align = module["query"](query) @ key.t() / key.shape[-1] ** 0.5  # [n, m]; the key is 2 H_T wide
    carried = module["t2s"](_scaled(batch.hidden[other].float()) + _scaled(target))
    t2s = torch.softmax(align, -1) @ carried
    s2t = torch.softmax(align.t(), -1) @ module["s2t"](states.hidden[mine].float())
    return t2s, s2t


def student_space(states: States, projected: Tensor, at: Tensor, T: float) -> Tensor:
    """CE of the projected teacher under the student's output layer, and KL from it to the student where it is right; the
    output layer gets no gradient from the first, the projection none from the second. [len(at)]"""
    import torch

    from .spaces import held, in_chunks, log_probabilities

    frozen = held(states.head)

    def work(teacher: Tensor, student: Tensor, y: Tensor) -> Tensor:
        z = frozen.logits(teacher)
        ce = torch.nn.functional.cross_entropy(z, y, reduction="none")
        lp = torch.log_softmax(z.detach() / T, -1)
        kl = (lp.exp() * (lp - log_probabilities(states.head, student, T))).sum(-1)
        return ce + kl * (z.detach().argmax(-1) == y)

    return in_chunks(work, states.chunk, projected, states.hidden[at], states.labels[at])


def teacher_space(head: Head, projected: Tensor, hidden: Tensor, T: float, chunk: int) -> Tensor:
    """KL from the teacher to the projected student under the teacher's output layer, [m]."""
    from .spaces import held, in_chunks, log_probabilities

    frozen = held(head)

    def work(student: Tensor, teacher: Tensor) -> Tensor:
        lp = log_probabilities(frozen, teacher, T)
        return (lp.exp() * (lp - log_probabilities(frozen, student, T))).sum(-1)

    return in_chunks(work, chunk, projected, hidden)


def _scaled(x: Tensor) -> Tensor:
    """Divided by its standard deviation over the answer, so that no cut into micro-batches changes it."""
    return x / x.std(unbiased=False).clamp_min(1e-6)


def _width(teacher: ModelShape | None) -> int:
    if teacher is None:
        raise ValueError("dual-space distillation needs a teacher that runs")
    return teacher.hidden
