"""One micro-batch as a teacher with its own tokenizer reads it, and how its positions meet the student's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...align.dtw import one_to_one, warp
from ...align.vocabulary import Tables
from ...head import head_read

if TYPE_CHECKING:
    from ...align.example import Aligned
    from ...output_layer import Head


ROWS = 128  # of the teacher's logits at a time


@dataclass(frozen=True)
class AlignedBatch:
    """N supervised positions of the student, M of the teacher, C common spans. Nothing here carries gradient."""

    hidden: Tensor  # [M, H_T] the teacher's last states
    head: Head  # the teacher's
    labels: Tensor  # [M] the token each of them predicts
    of: Tensor  # [M] the row of each
    student_spans: Tensor  # [N] the span of each student position, -1 outside
    teacher_spans: Tensor  # [M]
    span_rows: Tensor  # [C] the row of each span
    aligned: Sequence[Aligned]  # of each row
    tables: Tables
    inputs: tuple[Tensor, Tensor] | None = None  # token read at each position: student [N], teacher [M]
    embeddings: tuple[Tensor, Tensor] | None = None  # input embeddings: student [V, H], teacher [V_T, H_T]

    # -- positions ------------------------------------------------------------------------------------------------

    @cached_property
    def by_span(self) -> Tensor:
        """For each student position the teacher's that predicts from the same text, -1 where there is none, [N]."""
        return self._joined([a.by_span for a in self.aligned])

    @cached_property
    def by_place(self) -> Tensor:
        """For each student position the teacher's of the same number inside the answer, [N]."""
        return self._joined([a.by_place for a in self.aligned])

    @cached_property
    def by_warping(self) -> Tensor:
        """For each student position the teacher's token that dynamic time warping pairs with it alone and whose nearest
        student token is the label, [N]; -1 elsewhere."""
        return self._joined([a.once("warped", partial(_warped, a, self.tables)) for a in self.aligned])

    def _joined(self, each: Sequence[Any]) -> Tensor:
        """Positions inside each answer as positions of the micro-batch."""
        out, first = [], 0
        for found, a in zip(each, self.aligned, strict=True):
            at = torch.from_numpy(found)
            out.append(torch.where(at >= 0, at + first, at))
            first += len(a.teacher)
        return torch.cat(out).to(self.hidden.device)

    @property
    def vocab(self) -> int:
        """Tokens of the teacher: what a chunk of its logits is wide."""
        return self.head.vocab

    # -- the teacher's numbers ------------------------------------------------------------------------------------

    @cached_property
    def label_logp(self) -> Tensor:
        """log p of each teacher token at T = 1, [M]."""
        found = head_read(self.hidden, self.head, self.labels).label_logp
        assert found is not None
        return found

    def logp(self, at: Tensor, T: float = 1.0) -> Tensor:
        """log p_T over the teacher's vocabulary at these positions, [n, V_T]; for a chunk's worth of them."""
        with torch.no_grad():
            return torch.log_softmax(self.head.logits(self.hidden[at]) / T, -1)

    def label_logp_at(self, at: Tensor, T: float) -> Tensor:
        """log p_T of the teacher's own tokens at these positions, [n]."""
        if T == 1 or not len(at):
            return self.label_logp[at]
        return torch.cat([self.logp(some, T).gather(-1, self.labels[some][:, None])[:, 0] for some in at.split(ROWS)])

    @cached_property
    def boundary_logp(self) -> Tensor:
        """log p that the token predicted at each position begins a new word or ends the answer, [M]."""
        starts = torch.tensor(self.tables.teacher.word_starts, device=self.hidden.device)
        starts = starts[starts < self.head.vocab]
        at = torch.arange(len(self.hidden), device=self.hidden.device)
        return torch.cat([torch.logsumexp(self.logp(some)[:, starts], -1) for some in at.split(ROWS)])

    # -- vocabularies ---------------------------------------------------------------------------------------------

    def shared(self) -> tuple[Tensor, Tensor]:
        """Ids of tokens that spell the same bytes, (student [K], teacher [K])."""
        mine, other = self.tables.shared
        device = self.hidden.device
        return torch.from_numpy(mine).to(device), torch.from_numpy(other).to(device)

    def nearest(self) -> Tensor:
        """The nearest student id of each teacher id, -1 for control tokens, [V_T]."""
        return torch.from_numpy(self.tables.nearest).to(self.hidden.device)

    def student_starts(self) -> Tensor:
        """Student ids that begin a new word or end the answer."""
        starts = torch.tensor(self.tables.student.word_starts, device=self.hidden.device)
        return starts[starts < self.tables.student_size]

    # -- what the pass over the output layer takes ----------------------------------------------------------------

    def chunk(self, rows: slice, vocab: int) -> AlignedChunk:
        return AlignedChunk(self, rows)


@dataclass(frozen=True)
class AlignedChunk:
    """A run of the student's supervised positions beside the whole of the teacher's."""

    batch: AlignedBatch
    rows: slice

    def matched(self, how: str) -> tuple[Tensor, Tensor]:
        """(places inside the chunk, teacher positions) of the positions that have a partner; how: span, place, warping."""
        found: Tensor = getattr(self.batch, f"by_{how}")[self.rows]
        places = (found >= 0).nonzero()[:, 0]
        return places, found[places]


def _warped(a: Aligned, tables: Tables) -> Any:
    met = one_to_one(warp(a.words[0], a.words[1]), len(a.student))
    teacher = a.ids[a.start :]
    for i, j in enumerate(met):
        text = a.words[0][i]
        same = tables.student(int(tables.nearest[teacher[j]])) == text if text and a.words[1][j] else False
        end = not text and i == len(met) - 1 and j == len(teacher) - 1 and a.ended
        if j >= 0 and not same and not end:
            met[i] = -1
    return met
