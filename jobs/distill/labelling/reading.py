"""Rows as a label head reads them: the text alone, its token ids, and the positions that get a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from ..batches import Limits, Micro, Normaliser, cut
from ..rows import Example, Row
from .labels import Labels
from .spans import Offsets, Span, bio, kept, place, spans_of_text

UNKNOWN = -1  # no hard label


@dataclass(frozen=True)
class LabelExample(Example):
    """Token ids [length] of a text; `targets` [positions] are labels, or UNKNOWN. A classifier has one position, a tagger one
    for each token that stands for text, at `places`. `soft` are probabilities over the labels by teacher, [positions, L]."""

    targets: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64), compare=False)
    places: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64), compare=False)
    soft: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False)

    @property
    def supervised(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class Encoded:
    ids: list[int]
    offsets: Offsets
    cut: int  # tokens left out at the end


@dataclass(frozen=True)
class Lost:
    """A span of an answer that has no tags, and why."""

    row_id: str
    kind: str
    text: str
    why: str


class Reader:
    """One student's tokenizer. A classifier reads the turns of a row, a line each; a tagger the last turn, whose characters
    the spans count."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, labels: Labels, longest: int) -> None:
        self.tokenizer, self.labels, self.longest = tokenizer, labels, longest

    def text(self, row: Row) -> str:
        if self.labels.task == "tag":
            return row.question
        return "\n".join(m["content"] for m in row.messages)

    def encode(self, text: str) -> Encoded:
        """Ids with the tokenizer's own frame ([CLS] ... [SEP]), at most `longest`. Text that looks like a control token
        stays text."""
        found: Any = self.tokenizer(text, return_offsets_mapping=True, split_special_tokens=True, verbose=False)
        ids, offsets = list(found["input_ids"]), [tuple(o) for o in found["offset_mapping"]]
        excess = len(ids) - self.longest
        if excess <= 0:
            return Encoded(ids, offsets, 0)
        tail = len(offsets) - next((i for i in range(len(offsets), 0, -1) if offsets[i - 1][1] > offsets[i - 1][0]), 0)
        stop = len(ids) - tail - excess  # the frame's last tokens stay
        return Encoded(ids[:stop] + ids[len(ids) - tail :], offsets[:stop] + offsets[len(ids) - tail :], excess)

    def example(
        self, row: Row, answer: str | None, soft: Mapping[str, np.ndarray] | None = None
    ) -> tuple[LabelExample, list[Lost]]:
        """The row with its hard labels, where its answer says any, and the spans that could not become tags."""
        text = self.text(row)
        made = self.encode(text)
        lost: list[Lost] = []
        if self.labels.task == "classify":
            at = np.zeros(1, dtype=np.int64)
            known = None if answer is None else self.labels.find(answer)
            targets = np.asarray([UNKNOWN if known is None else known], dtype=np.int64)
        else:
            at = np.asarray([i for i, (a, b) in enumerate(made.offsets) if b > a and text[a:b].strip()], dtype=np.int64)
            targets, lost = self._tags(row.row_id, answer, text, made, at)
        example = LabelExample(
            row.row_id,
            np.asarray(made.ids, dtype=np.int32),
            0,
            row.labelled,
            weight=float(row.fields.get("weight", 1.0)),
            targets=targets,
            places=at,
            soft=dict(soft or {}),
        )
        return example, lost

    def spans(self, answer: str | None, text: str) -> list[Span] | None:
        """The spans of an answer on the characters of its text; None where the answer is no list of spans."""
        mentions = None if answer is None else spans_of_text(answer)
        return None if mentions is None else list(place(mentions, text, self.labels.kinds).spans)

    def _tags(
        self, row_id: str, answer: str | None, text: str, made: Encoded, at: np.ndarray
    ) -> tuple[np.ndarray, list[Lost]]:
        nothing = np.full(len(at), UNKNOWN, dtype=np.int64)
        if answer is None:
            return nothing, []
        mentions = spans_of_text(answer)
        if mentions is None:
            return nothing, [Lost(row_id, "", answer[:200], "the answer is no JSON list of spans")]
        placed = place(mentions, text, self.labels.kinds)
        lost = [Lost(row_id, m.kind, m.text or f"{m.start}-{m.end}", why) for m, why in placed.lost]
        fit, odd = kept(placed.spans, made.offsets, text)
        cut_off = "it lies in the part of the text that is cut off"
        inside = "it begins or ends inside a token"
        last = max((b for _, b in made.offsets), default=0)
        lost += [Lost(row_id, s.kind, text[s.start : s.end], cut_off if s.end > last else inside) for s in odd]
        tags = bio(fit, made.offsets, text)
        return np.asarray([self.labels.index[tags[i] or "O"] for i in at], dtype=np.int64), lost


def weighted(example: LabelExample, weights: np.ndarray | None) -> LabelExample:
    """The row with the weight of each position's label; positions without a label count 1."""
    if weights is None:
        return example
    paint = np.where(example.targets >= 0, weights[np.maximum(example.targets, 0)], 1.0).astype(np.float32)
    return replace(example, paint=paint)


@dataclass(frozen=True)
class LabelMicro(Micro):
    """One forward of a label head: rows padded on the right under a mask. `labels` are UNKNOWN where there is no hard one.

    `places` [N] index into rows * length; of a classifier, whose head pools a row itself, they are unused."""

    mask: torch.Tensor = field(default_factory=lambda: torch.zeros(0))  # [rows, length]
    starts: torch.Tensor = field(default_factory=lambda: torch.zeros(0))  # [N] number of each position within its row


def label_micros(
    examples: Sequence[LabelExample],
    rows: Sequence[int],
    limits: Limits,
    pad: int,
    reduction: str = "token_mean",
    whole: Sequence[LabelExample] | None = None,
) -> list[LabelMicro]:
    """Rows as micro-batches; the normaliser is that of the whole step, so the cut does not change the result."""
    step = [examples[i] for i in rows]
    every = step if whole is None else whole
    counts = Normaliser(sum(e.mass for e in every), sum(e.mass > 0 for e in every), len(every), reduction)
    return [
        collate([rows[i] for i in group], [step[i] for i in group], counts, pad)
        for group in cut([len(e.ids) for e in step], limits)
    ]


def collate(which: list[int], group: Sequence[LabelExample], whole: Normaliser, pad: int) -> LabelMicro:
    length = max(len(e.ids) for e in group)
    ids = np.full((len(group), length), pad, dtype=np.int64)
    mask = np.zeros((len(group), length), dtype=np.int64)
    for r, e in enumerate(group):
        ids[r, : len(e.ids)], mask[r, : len(e.ids)] = e.ids, 1
    counts = [e.supervised for e in group]
    each = np.repeat(np.asarray([e.weight * whole.each(e.mass) for e in group], dtype=np.float32), counts)
    paint = np.concatenate([np.ones(e.supervised, dtype=np.float32) if e.paint is None else e.paint for e in group])
    number = np.arange(len(group))
    return LabelMicro(
        which,
        torch.from_numpy(ids),
        torch.from_numpy(np.concatenate([r * length + e.places for r, e in enumerate(group)])),
        torch.from_numpy(np.concatenate([e.targets for e in group])),
        torch.from_numpy(each * paint),
        torch.from_numpy(np.repeat(np.asarray([e.labelled for e in group]), counts)),
        torch.from_numpy(np.repeat(number, counts)),
        torch.from_numpy(number),
        torch.from_numpy(np.asarray([e.weight / max(1, whole.groups) for e in group], dtype=np.float32)),
        [e.origin for e in group],
        torch.from_numpy(paint),
        mask=torch.from_numpy(mask),
        starts=torch.from_numpy(np.concatenate([np.arange(n) for n in counts])),
    )
