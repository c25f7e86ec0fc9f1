"""Task-aware layer-wise distillation: what a layer knows about the task is filtered out before layers are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..base import Paper, StatesPart
from .layers import LayerOptions, mapped, mean, names, two

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ...output_layer import Head
    from ..states import ModelShape, States


class TaskAwareOptions(LayerOptions):
    layers: str = Field(
        "uniform", max_length=400, title="Layers", description=LayerOptions.model_fields["layers"].description
    )
    align: float = Field(
        1.0,
        ge=0,
        le=1,
        title="Alignment",
        description="0: only the filters learn, each to predict the answer from its layer; neither body gets a gradient. 1: the"
        " student's filtered states approach the teacher's, whose filters stand still. A curve of steps goes from 0 to 1.",
    )


class TaskAware(StatesPart):
    id = "task-aware-layers"
    title = "Task-aware layers"
    summary = "A filter on each layer of both models first learns to predict the answer from it; then the student's filtered states approach the teacher's."
    when_to_use = "A wide teacher whose layers know much that the task does not need."
    formula = (
        r"\ell = (1-a)\,\tfrac{1}{|M|}\sum_{(l,m)} \bigl[\mathrm{CE}(y, W g^S_l(\mathrm{sg}\,h^S_l)) + \mathrm{CE}(y, W g^T_m(h^T_m))\bigr]"
        r" + a\,\tfrac{1}{|M|}\sum_{(l,m)} \tfrac{1}{d}\|g^S_l(h^S_l) - \mathrm{sg}\,g^T_m(h^T_m)\|^2"
    )
    paper = Paper(
        title="Less is More: Task-aware Layer-wise Distillation for Language Model Compression",
        authors="Liang, Zuo, Zhang, He, Chen, Zhao", year=2023, venue="ICML", url="https://arxiv.org/abs/2210.01351",
        arxiv="2210.01351",
    )  # fmt: skip
    reads = ("student.layers", "teacher.layers", "teacher.head")
    needs = frozenset({"teacher", "same_vocabulary", "labels", "live_teacher", "layers"})
    Options = TaskAwareOptions

    def layers(self, student: ModelShape, teacher: ModelShape | None, options: Any) -> list[tuple[int, int]]:
        return mapped(student, teacher, options.layers)

    def captures(self, student: ModelShape, teacher: ModelShape | None, options: Any) -> tuple[set[str], set[str]]:
        return names(self.layers(student, teacher, options))

    def module(self, student: ModelShape, teacher: ModelShape | None, options: Any) -> nn.Module:
        from .projectors import Filters

        pairs = self.layers(student, teacher, options)
        assert teacher is not None  # or there would be no pairs
        return Filters(pairs, student.hidden, teacher.hidden)

    def measure(self, states: States, module: Any, T: float, options: TaskAwareOptions) -> Tensor:
        a = options.align
        value = states.hidden.new_zeros(len(states.labels)).float()
        if a < 1:
            value = value + (1 - a) * self.prediction(states, module)
        return value + a * self.alignment(states, module) if a > 0 else value

    def prediction(self, states: States, module: Any) -> Tensor:
        """How badly the filtered layers of both models predict the answer; the bodies are held. [N]"""
        found = []
        for pair, mine, other in zip(module.pairs, module.student, module.teacher, strict=True):
            student, teacher = two(states, pair)
            found.append(self._ce(states, mine(student.detach())) + self._ce(states, other(teacher)))
        return mean(found)

    def alignment(self, states: States, module: Any) -> Tensor:
        """Mean squared difference of the filtered states; no gradient reaches the teacher's filters. [N]"""
        found = []
        for pair, mine, other in zip(module.pairs, module.student, module.teacher, strict=True):
            student, teacher = two(states, pair)
            found.append((mine(student) - other(teacher).detach()).square().mean(-1))
        return mean(found)

    def _ce(self, states: States, filtered: Tensor) -> Tensor:
        import torch.nn.functional as F

        from ..aligned.spaces import held, in_chunks

        assert states.teacher_head is not None  # the plan refuses the term without a teacher that runs
        head: Head = held(states.teacher_head)

        def work(h: Tensor, y: Tensor) -> Tensor:
            return F.cross_entropy(head.logits(h), y, reduction="none")

        return in_chunks(work, states.chunk, filtered, states.labels)
