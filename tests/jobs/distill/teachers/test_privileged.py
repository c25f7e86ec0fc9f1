"""A teacher that reads more: its own prompt, the same answer, states in the same order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jobs.distill.batches import Limits, micro_batches
from jobs.distill.recipe import Adapter
from jobs.distill.rows import Example, Renderer, Row
from jobs.distill.students.lora import attach, trainable
from jobs.distill.teachers.local import LocalTeacher
from jobs.distill.teachers.own import AdapterTeacher, BaseTeacher
from jobs.distill.teachers.privileged import PrivilegedTeacher, privileged_prompts
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny

CPU = torch.device("cpu")
RENDERER = Renderer(tiny.tokenizer(), [1])
SECRET = ["the sum is 12", "seven", ""]


def rows() -> list[Row]:
    return [
        Row(f"r{n}", ({"role": "user", "content": "what is " + "x" * n},), "again" * (3 - n), "train", n, True, {"privileged": text})
        for n, text in enumerate(SECRET)
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["base", "ema", "model"])
def test_its_states_are_those_of_its_own_prompt_at_the_answer(tmp_path: Path, kind: str) -> None:
    model: Any = attach(load_model(tiny.model(tmp_path / "s", 2), torch.float32, CPU), Adapter(rank=4), 0)
    average = {n: p.detach() + 0.05 for n, p in trainable(model).items()}
    other = load_model(tiny.model(tmp_path / "t", 1), torch.float32, CPU)
    teacher = {
        "base": BaseTeacher(model, 261), "ema": AdapterTeacher(model, lambda: average, 261), "model": LocalTeacher(other, 261),
    }[kind]  # fmt: skip
    prompts, none, long = privileged_prompts(rows(), RENDERER, 100)
    assert set(prompts) == {"r0", "r1"} and (none, long) == (1, 0)
    examples = [RENDERER.example(r) for r in rows()]
    (micro,) = micro_batches(examples, range(3), Limits(8, overhead=9999))
    group = [examples[i] for i in micro.which]
    found = PrivilegedTeacher(teacher, prompts).side(micro, group).vocabulary.logits(261)
    assert len(found) == len(micro.labels)
    first = 0
    for e in group:
        alone = _one(teacher, prompts.get(e.row_id, e.ids[: e.start]), e)
        assert torch.allclose(found[first : first + e.supervised], alone, atol=1e-5)
        first += e.supervised


def _one(teacher: Any, prompt: np.ndarray, e: Example) -> torch.Tensor:
    ids = np.concatenate([prompt, e.ids[e.start :]]).astype(np.int32)
    example = Example(e.row_id, ids, len(prompt), True)
    (micro,) = micro_batches([example], [0], Limits(1))
    return teacher.side(micro, [example]).vocabulary.logits(261)


def test_the_student_never_reads_the_solution() -> None:
    prompts, *_ = privileged_prompts(rows(), RENDERER, 100)
    for row in rows()[:2]:
        secret = RENDERER._encode([str(row.fields["privileged"])])
        student, teacher = RENDERER.example(row).ids.tolist(), prompts[row.row_id].tolist()
        assert not contains(student, secret) and contains(teacher, secret)
        assert contains(teacher, student[1 : len(RENDERER.prompt(row.messages))])  # the question itself follows


def test_text_that_does_not_fit_is_counted() -> None:
    assert privileged_prompts(rows(), RENDERER, 20)[1:] == (1, 1)


def contains(ids: list[int], part: list[int]) -> bool:
    return any(ids[i : i + len(part)] == part for i in range(len(ids) - len(part) + 1))
