"""A tiny learner and teacher, the terms of a system's stage, and what a step of it costs: for tests of systems over pairs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from jobs.distill import catalog
from jobs.distill import recipe as recipes
from jobs.distill.batches import Limits, micro_batches
from jobs.distill.events import Events, read
from jobs.distill.recipe import Adapter, Train
from jobs.distill.rows import Example, Renderer, Row
from jobs.distill.run import distill
from jobs.distill.sources.pairs import Group, tokenised
from jobs.distill.stages import terms_of
from jobs.distill.step import Losses, Term
from jobs.distill.students.lora import attach, trainable
from jobs.distill.teachers.local import LocalTeacher
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny

CPU = torch.device("cpu")
RENDERER = Renderer(tiny.tokenizer(), [1])


def stage(method: str, name: str, **options: Any) -> Train:
    """A training stage of the system as its small form expands."""
    small = {"method": method, "options": options, "teacher": {"model": "t"}, "student": {"model": "s"}}
    found = catalog.expand(recipes.parse({**small, "data": {"dataset": "d"}}))
    return next(s for s in found.stages if isinstance(s, Train) and s.name == name)


def learner(folder: Path, double: bool = True) -> Any:
    """The tiny student with a fresh adapter."""
    model = attach(load_model(tiny.model(folder / "student", 2, 32), torch.float32, CPU), Adapter(rank=4, alpha=8), 0)
    return model.double() if double else model


def teacher(folder: Path, double: bool = True) -> LocalTeacher:
    model = load_model(tiny.model(folder / "teacher", 1, 48), torch.float32, CPU)
    return LocalTeacher(model.double() if double else model, 261)


def row(row_id: str, question: str, answer: str | None = None, **fields: Any) -> Row:
    return Row(row_id, ({"role": "user", "content": question},), answer, "train", 0, answer is not None, fields)


def examples(groups: Sequence[Group]) -> list[Example]:
    return [e for group in groups for e in tokenised(group, RENDERER, 128, "drop")]


def shares(model: Any, terms: Sequence[Term], rows: list[Example], reduction: str, side: Any = None) -> torch.Tensor:
    """Each term's share of the step's loss, [terms]; the gradient is left on the adapter."""
    losses = Losses(model, 261, terms, side)
    out = torch.zeros(len(terms), dtype=torch.float64)
    for micro in micro_batches(rows, range(len(rows)), Limits(4), reduction):
        loss, values = losses.of(micro, [rows[i] for i in micro.which], terms, 0, None)
        loss.backward()
        out += values.double()
    return out


def train(model: Any, asked: Train, rows: list[Example], steps: int, rate: float, side: Any = None) -> None:
    optimizer = torch.optim.AdamW(trainable(model).values(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        shares(model, terms_of(asked), rows, asked.reduction, side)
        optimizer.step()


@torch.no_grad()
def dense(model: Any, example: Example) -> torch.Tensor:
    """log-probabilities over the shared vocabulary at the answer's positions, by a plain forward, [n, V]."""
    ids = torch.from_numpy(example.ids.astype("int64"))[None]
    return torch.log_softmax(model(input_ids=ids).logits[0, example.start - 1 : -1, :261], -1)


def log_likelihood(model: Any, example: Example) -> float:
    logs = dense(model, example)
    labels = torch.from_numpy(example.ids[example.start :].astype("int64"))
    return float(logs.gather(-1, labels[:, None]).sum())


def run(
    folder: Path,
    method: str,
    fields: dict[str, Any] | None = None,
    teacher: bool = True,
    control: bool = False,
    **options: Any,
) -> Path:
    """A whole run of the small form over a few steps; answers of at most six tokens. Returns its folder."""
    given = tiny.rows(labelled=12, unlabelled=4, heldout=4)
    for one in given:
        one["fields"] = json.dumps(fields) if fields else None
    train = {"steps": 3, "batch_size": 4, "learning_rate": 0.01, "max_new_tokens": 6}
    small = {"method": method, "options": options, "train": train, "control": control}
    tiny.run_folder(folder, small if teacher else {**small, "teacher": None}, given)
    if not teacher:
        listed = json.loads((folder / "models.json").read_text())
        (folder / "models.json").write_text(json.dumps({**listed, "teacher": None}))
    events = Events(folder)
    distill(folder, events)
    events.close()
    return folder


def told(folder: Path, type: str) -> list[dict[str, Any]]:
    return [e for e in read(folder / "events.jsonl") if e["type"] == type]


def losses_of(folder: Path, term: str) -> list[float]:
    """The term's value at each step that had it."""
    name = f"loss.{term}"
    return [e["values"][name] for e in told(folder, "metric") if name in e["values"]]
