"""A byte student and a word teacher on a micro-batch, with the dense numbers that plain versions of the terms need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from jobs.distill.align.example import Aligner
from jobs.distill.batches import Limits, Micro, micro_batches
from jobs.distill.capture import shape_of
from jobs.distill.catalog import PARTS
from jobs.distill.objectives.aligned.side import NAME
from jobs.distill.objectives.base import Objective
from jobs.distill.rows import Example, Renderer, Row
from jobs.distill.step import Losses, Term
from jobs.distill.teachers.aligned import AlignedTeacher
from jobs.distill.weights import backbone
from tests.jobs.distill import tiny, tiny_words

ANSWERS = ["card lost", "refund é", "top up"]


def rows() -> list[Row]:
    return [
        Row(f"r{i}", ({"role": "user", "content": "my card is gone"},), a, "train", i, True)
        for i, a in enumerate(ANSWERS)
    ]


@dataclass
class Pair:
    student: Any
    teacher: Any
    reader: AlignedTeacher
    examples: list[Example]

    def micro(self, some: list[Example] | None = None) -> tuple[Micro, list[Example]]:
        some = some or self.examples
        micro = micro_batches(some, range(len(some)), Limits(len(some), overhead=10**6))[0]
        return micro, [some[i] for i in micro.which]

    def losses(self, id: str, T: float = 1.0, **options: Any) -> Losses:
        part = PARTS[id]()
        terms = [Term(Objective(part, part.Options(**options), T))]
        shape = shape_of(self.teacher, backbone(self.teacher))
        return Losses(self.student, 261, terms, self.reader, shape)

    def loss(self, id: str, T: float = 1.0, **options: Any) -> Tensor:
        """The term over the whole micro-batch, with graph."""
        losses = self.losses(id, T, **options)
        return losses.of(*self.micro(), losses.terms, 0, None)[0]

    def batch(self) -> Any:
        return self.reader.side(*self.micro()).extras[NAME]

    def logits(self) -> tuple[Tensor, Tensor]:
        """Dense logits of both at their supervised positions, [N, V], [M, V_T]."""
        micro, batch = self.micro()[0], self.batch()
        z = self.student(input_ids=micro.input_ids).logits.flatten(0, 1)[micro.places][:, :261]
        return z, batch.head.logits(batch.hidden)


def renderer(tokenizer: Any) -> Renderer:
    return Renderer(tokenizer, [tokenizer.eos_token_id])


def pair(same: bool = False, tmp: Any = None) -> Pair:
    """With `same` the teacher has the student's tokenizer."""
    from transformers import LlamaForCausalLM

    student = LlamaForCausalLM.from_pretrained(tiny.model(tmp / "student", 2)).eval()
    place = tiny.model(tmp / "teacher", 1, 48) if same else tiny_words.teacher(tmp / "words")
    teacher = LlamaForCausalLM.from_pretrained(place).eval()
    mine = renderer(tiny.tokenizer())
    other = mine if same else renderer(tiny_words.bpe())
    aligner = Aligner(mine, other, {r.row_id: r for r in rows()}, 128)
    vocab = max(other.tokenizer.get_vocab().values()) + 1
    reader = AlignedTeacher(teacher, vocab, aligner, student, 261, lambda text: None)
    return Pair(student, teacher, reader, [mine.example(r) for r in rows()])
