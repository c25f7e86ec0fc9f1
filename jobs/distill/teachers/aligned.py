"""A teacher with another tokenizer: it reads the same conversations and answers in its own template and tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ..align.example import Aligned, Aligner
from ..align.vocabulary import Tables
from ..batches import Micro
from ..errors import PlanRefused
from ..head import Head
from ..objectives.aligned.batch import AlignedBatch
from ..objectives.aligned.side import NAME
from ..output_layer import unwrap
from ..rows import Example
from ..weights import backbone
from .base import Side


class AlignedTeacher:
    """Its side of a micro-batch is an AlignedBatch, for terms that need `aligned`.

    `student` is the model that learns: attention between the two models compares its input embeddings with the
    teacher's. `tell` hears in words what could not be laid side by side, once each.
    """

    def __init__(
        self, model: Any, vocab: int, aligner: Aligner, student: Any, student_vocab: int, tell: Callable[[str], None]
    ) -> None:
        self.model, self.aligner, self.student, self.tell = model, aligner, student, tell
        self.head = Head.of(model, min(vocab, model.get_output_embeddings().weight.shape[0]))
        self.backbone = backbone(model)
        self.tables = Tables(
            aligner.spell, aligner.spell_teacher, student_vocab, self.head.vocab,
            aligner.student.eos[0], aligner.teacher.eos[0],
        )  # fmt: skip
        self._told: set[str] = set()

    def side(
        self, micro: Micro, group: Sequence[Example], captures: frozenset[str] = frozenset(), step: int = 0
    ) -> Side:
        if captures:
            raise PlanRefused(
                "The teacher's inner states stand at its own tokens, so they cannot be compared with the student's.",
                field="terms",
                hint="Use terms for different tokenizers, such as dual-space distillation.",
            )
        aligned = [self.aligner.of(e) for e in group]
        self._tell_of_losses()
        batch = self._batch(micro, aligned)
        return Side(batch, extras={NAME: batch})

    def _batch(self, micro: Micro, aligned: list[Aligned]) -> AlignedBatch:
        device = micro.input_ids.device
        ids, places, labels = (t.to(device) for t in _padded(aligned))
        counts = torch.tensor([len(a.teacher) for a in aligned])
        first = np.cumsum([0, *(a.spans for a in aligned)])
        return AlignedBatch(
            self._states(ids, places),
            self.head,
            labels,
            torch.repeat_interleave(torch.arange(len(aligned)), counts).to(device),
            _numbered([a.student for a in aligned], first).to(device),
            _numbered([a.teacher for a in aligned], first).to(device),
            torch.repeat_interleave(torch.arange(len(aligned)), torch.tensor([a.spans for a in aligned])).to(device),
            aligned,
            self.tables,
            (micro.input_ids.flatten()[micro.places], ids.flatten()[places]),
            (_embedding(self.student), _embedding(self.model)),
        )

    def _states(self, ids: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Last hidden states at the teacher's own supervised positions, [M, H_T], without graph."""
        with torch.inference_mode():
            states = self.backbone(input_ids=ids, use_cache=False).last_hidden_state
        return states.flatten(0, 1).index_select(0, places)

    def _tell_of_losses(self) -> None:
        for count, text in (
            (self.aligner.apart, "Some answers are written differently by the two templates; only their end is compared."),
            (self.aligner.shortened, f"Some answers are longer than the teacher's {self.aligner.context:,} tokens; their rest is not compared."),
        ):  # fmt: skip
            if count and text not in self._told:
                self._told.add(text)
                self.tell(text)


def _embedding(model: Any) -> torch.Tensor:
    """Input embeddings of a model, bare or with an adapter, without graph."""
    weight: torch.Tensor = unwrap(model).get_input_embeddings().weight
    return weight.detach()


def _padded(aligned: Sequence[Aligned]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """ids [rows, length] padded on the right, places [M] of the supervised positions in it, labels [M]."""
    length = max(len(a.ids) for a in aligned) - 1
    ids = np.zeros((len(aligned), length), dtype=np.int64)
    for r, a in enumerate(aligned):
        ids[r, : len(a.ids) - 1] = a.ids[:-1]
    places = [r * length + np.arange(a.start - 1, len(a.ids) - 1) for r, a in enumerate(aligned)]
    labels = [a.ids[a.start :].astype(np.int64) for a in aligned]
    return torch.from_numpy(ids), torch.from_numpy(np.concatenate(places)), torch.from_numpy(np.concatenate(labels))


def _numbered(each: Sequence[np.ndarray], first: np.ndarray) -> torch.Tensor:
    """Spans counted over the micro-batch; -1 stays."""
    return torch.from_numpy(np.concatenate([np.where(s >= 0, s + f, s) for s, f in zip(each, first, strict=False)]))
