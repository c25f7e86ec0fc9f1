"""What a run whose student has a label head knows beside its Work: the head, the reader, what was lost, how it answers."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..models.config import Shape, kind_of, read_config
from ..recipe import Train
from ..rows import Row
from ..weights import load_tokenizer
from .labels import Labels, Unmatched, labels_of, task_of
from .losses import predict
from .model import HeadSpec, attention_of, load_labeller, pad_of, refuse_adapter, wrap
from .reading import LabelExample, Lost, Reader
from .spans import as_answer, spans_of_tags

if TYPE_CHECKING:
    from ..session import Opened
    from ..work import Work


@dataclass
class Labeller:
    spec: HeadSpec
    reader: Reader
    pad: int
    shape: Shape
    prior: np.ndarray  # [L] share of each label among the gold ones of the training rows; a classifier's base
    lost: list[Lost] = field(default_factory=list)  # spans that have no tags
    unmatched: Unmatched = field(default_factory=Unmatched)
    teacher_weights: dict[str, dict[str, float]] = field(default_factory=dict)  # stage -> teacher -> mean weight
    soft: dict[str, dict[str, int]] = field(
        default_factory=dict
    )  # stage/teacher -> rows with soft labels, rows without
    milliseconds: dict[str, float] = field(default_factory=dict)  # a row, by arm
    saved: tuple[str, ...] = ()  # modules trained whole

    @property
    def task(self) -> str:
        return self.spec.labels.task

    @property
    def labels(self) -> Labels:
        return self.spec.labels

    @cached_property
    def metric(self) -> str:
        return "span_f1" if self.task == "tag" else "exact_match"

    def wrapped(self, opened: Opened, work: Work) -> Any:
        """The student's base with the head and a fresh adapter."""
        session = work.session
        opened.check()
        model, self.saved = load_labeller(
            opened.folder, self.spec, self.pad, opened.dtype, opened.device, session.recipe.seed
        )
        session.events.reason(
            "student.head", ", ".join(self.saved), "new or for the labels alone: trained whole beside the adapter"
        )
        return wrap(
            model,
            session.recipe.student.adapter,
            self.spec,
            self.saved,
            self.shape,
            session.recipe.seed,
            session.events,
        )

    # -- answers ----------------------------------------------------------------------------------------------------

    def examples(self, rows: Sequence[Row]) -> list[LabelExample]:
        """Rows as they are asked; one that is too long is read up to the longest."""
        return [self.reader.example(row, None)[0] for row in rows]

    def logs(self, model: Any, examples: Sequence[LabelExample]) -> list[np.ndarray]:
        model.eval()
        return predict(model, examples, self.task, self.pad)

    def answer(self, row: Row, logs: np.ndarray) -> str:
        """What log-probabilities [positions, L] of a row say: the likeliest label, or the spans of the likeliest tags."""
        best = logs.argmax(-1)
        if self.task == "classify":
            return self.labels.names[int(best[0])]
        text = self.reader.text(row)
        encoded = self.reader.encode(text)
        tags: list[str | None] = [None] * len(encoded.ids)
        for at, tag in zip(self.reader.example(row, None)[0].places, best, strict=True):
            tags[int(at)] = self.labels.names[int(tag)]
        return as_answer(spans_of_tags(tags, encoded.offsets, text), text)

    def say(self, model: Any, rows: Sequence[Row], arm: str = "") -> dict[str, str]:
        """Row id -> answer; with the name of an `arm`, the time a row takes is kept."""
        began = time.perf_counter()
        logs = self.logs(model, self.examples(rows))
        out = {row.row_id: self.answer(row, one) for row, one in zip(rows, logs, strict=True)}
        if arm and rows:
            self.milliseconds[arm] = 1000 * (time.perf_counter() - began) / len(rows)
        return out

    def base_says(self, rows: Sequence[Row]) -> dict[str, str]:
        """What a head that has learnt nothing can say at best: the most frequent label, or no span at all."""
        said = "[]" if self.task == "tag" else self.labels.names[int(self.prior.argmax())]
        return {row.row_id: said for row in rows}


def begin(work: Work) -> Labeller | None:
    """The labeller of a run, None where the student writes. Raises PlanRefused for what no label head can be made of."""
    session = work.session
    asked, events = session.recipe.student, session.events
    source = session.sources["student"]
    labelled = [r for r in session.train_rows if r.labelled]
    task, why = task_of(asked.task, kind_of(source.folder), (r.answer for r in labelled))
    if task == "generate":
        return None
    events.reason("student.task", task, why)
    refuse_adapter(asked.adapter)
    columns = {
        m.name
        for _, s in session.recipe.flat()
        if isinstance(s, Train)
        for m in s.teaching.members
        if m.kind == "column"
    }
    labels = labels_of(task, asked.labelling, labelled, named_in_columns(session.train_rows) if columns else ())
    what = "kinds of entity" if task == "tag" else "labels"
    names = labels.kinds or labels.names
    given = "as the recipe lists them" if asked.labelling.labels else "those of the training rows, sorted"
    events.reason("student.labelling.labels", f"{len(names)} {what}", given)
    if asked.shape is not None:
        session.open("student")  # makes it; a shaped student is another folder from here on
    folder = session.sources["student"].folder
    shape, tokenizer = read_config(folder), load_tokenizer(folder)
    attention, reason = attention_of(asked.labelling, shape, task)
    events.reason("student.labelling.attention", attention, reason)
    longest = min(shape.context, session.recipe.data.max_length or shape.context)
    return Labeller(
        HeadSpec(labels, attention),
        Reader(tokenizer, labels, longest),
        pad_of(tokenizer),
        shape,
        prior_of(labels, labelled),
    )


def prior_of(labels: Labels, rows: Sequence[Row]) -> np.ndarray:
    """Share of each label among gold answers; the same for all where there are none."""
    found = Counter(at for r in rows if r.answer is not None and (at := labels.find(r.answer)) is not None)
    total = sum(found.values())
    if not total or labels.task == "tag":
        return np.full(len(labels), 1 / len(labels))
    return np.asarray([found[i] / total for i in range(len(labels))])


def named_in_columns(rows: Sequence[Row]) -> set[str]:
    """Names of labels in the soft labels of the data."""
    out: set[str] = set()
    for row in rows:
        found = row.fields.get("soft")
        maps = [found, *found.values()] if isinstance(found, dict) else []
        out |= {str(n).strip() for m in maps if isinstance(m, dict) for n, v in m.items() if isinstance(v, int | float)}
    return out


def head_file(labeller: Labeller) -> dict[str, Any]:
    """labels.json: what somebody needs to use the adapter with plain transformers and peft."""
    names = labeller.labels.names
    return {
        "version": 1,
        "task": labeller.task,
        "id2label": {str(i): n for i, n in enumerate(names)},
        "label2id": {n: i for i, n in enumerate(names)},
        "kinds": list(labeller.labels.kinds),
        "attention": labeller.spec.attention,
        "pad_token_id": labeller.pad,
        "max_length": labeller.reader.longest,
        "reads": "the last turn of a row" if labeller.task == "tag" else "the turns of a row, a line each",
    }


def spec_of(note: dict[str, Any]) -> HeadSpec:
    """The head of a saved labels.json."""
    names = [note["id2label"][str(i)] for i in range(len(note["id2label"]))]
    labels = Labels(tuple(names), note["task"], tuple(note.get("kinds") or ()))
    return HeadSpec(labels, note["attention"])


def as_json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
