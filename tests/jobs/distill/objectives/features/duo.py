"""A tiny student with an adapter and a wider, deeper teacher on a few rows of one tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from jobs.distill.batches import Limits, Micro, micro_batches
from jobs.distill.capture import shape_of
from jobs.distill.catalog import PARTS
from jobs.distill.objectives.base import Objective
from jobs.distill.recipe import Adapter
from jobs.distill.rows import Example, Renderer, Row
from jobs.distill.step import Losses, Term
from jobs.distill.students.lora import attach
from jobs.distill.teachers.local import LocalTeacher
from jobs.distill.weights import backbone, load_model
from tests.jobs.distill import tiny

CPU = torch.device("cpu")
ANSWERS = ["card lost", "top up", "refund"]


@dataclass
class Duo:
    student: Any
    teacher: Any
    examples: list[Example]

    def losses(self, id: str, T: float = 1.0, **options: Any) -> Losses:
        part = PARTS[id]()
        terms = [Term(Objective(part, part.Options(**options), T))]
        return Losses(
            self.student, 261, terms, LocalTeacher(self.teacher, 261), shape_of(self.teacher, backbone(self.teacher))
        )

    def micros(self, rows: int = 8) -> list[tuple[Micro, list[Example]]]:
        found = micro_batches(self.examples, range(len(self.examples)), Limits(rows, overhead=10**6))
        return [(m, [self.examples[i] for i in m.which]) for m in found]

    def loss(self, losses: Losses, rows: int = 8) -> Tensor:
        """Of the whole step, in micro-batches of so many rows."""
        return torch.stack([losses.of(m, g, losses.terms, 0, None)[0] for m, g in self.micros(rows)]).sum()

    def states(self, model: Any, **more: Any) -> Any:
        """All hidden states of a plain forward over the one micro-batch, as transformers gives them."""
        return model(input_ids=self.micros()[0][0].input_ids, output_hidden_states=True, **more)


def made(folder: Path, layers: int = 3) -> Duo:
    torch.set_num_threads(1)
    student = attach(load_model(tiny.model(folder / "s", 2, 32), torch.float32, CPU), Adapter(rank=4, alpha=8), 0)
    teacher = load_model(tiny.model(folder / "t", 1, 48, layers), torch.float32, CPU)
    rows = [Row(f"r{i}", ({"role": "user", "content": "my card"},), a, "train", i, True) for i, a in enumerate(ANSWERS)]
    renderer = Renderer(tiny.tokenizer(), [1])
    found = [renderer.example(row) for row in rows]
    return Duo(student.double(), teacher.double(), found)
