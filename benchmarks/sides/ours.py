"""Our training loop on the shared workload: the teacher online beside the student, in float32 or bfloat16 (the recipe's
`dtype` of a teacher), or its recorded signals (K = 64)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import workloads
from benchmarks.sides.meter import Meter
from jobs.distill import heap
from jobs.distill.batches import limits_on
from jobs.distill.catalog import objective
from jobs.distill.checkpoint import Checkpoints
from jobs.distill.device import settle
from jobs.distill.events import Events
from jobs.distill.recipe import Adapter, Term, Train
from jobs.distill.rows import Example
from jobs.distill.signals import Settings, Store
from jobs.distill.sources.fixed import FixedRows
from jobs.distill.students.lora import attach
from jobs.distill.teachers.local import LocalTeacher
from jobs.distill.teachers.recorded import SignalTeacher
from jobs.distill.train import Arm, Loop
from jobs.distill.train import Term as ArmTerm

TEMPERATURE = 0.9


def examples(case: workloads.Case) -> list[Example]:
    """The same token ids as the other side's chat collator makes: prompt by the template, answer and end token supervised."""
    tokenizer, made = workloads.tokenizer(), []
    for i, row in enumerate(workloads.rows(case)):
        question = [{"role": "user", "content": row["question"]}]
        prompt = tokenizer(tokenizer.apply_chat_template(question, tokenize=False, add_generation_prompt=True))[
            "input_ids"
        ]
        answer = tokenizer(row["answer"] + "<|im_end|>\n")["input_ids"]
        ids = np.asarray((prompt + answer)[: case.length], dtype=np.int64)
        made.append(Example(str(i), ids, len(prompt), True))
    return made


def products(case: workloads.Case, rows: list[Example], teacher: bool) -> int:
    """Operations of the linear layers and output layers for these rows; attention and the adapter come on top."""
    tokens, supervised = sum(len(e.ids) - 1 for e in rows), sum(e.supervised for e in rows)
    student, other = (workloads.SHAPES[case.shape][role] for role in ("student", "teacher"))
    # forward, and the gradient by the states
    total = 4 * (tokens * student.linear_parameters + supervised * case.vocab * student.width)
    if teacher:
        total += 2 * (tokens * other.linear_parameters + supervised * case.vocab * other.width)
    return total


def main(name: str, mode: str) -> None:
    heap.keep()  # as every run does
    case = workloads.case(name)
    rows = examples(case)
    stage = Train(
        terms=[Term(type="jsd", temperature=TEMPERATURE, t_squared=False, options={"beta": 0.5})],
        steps=case.steps + case.warmup,
        batch_size=case.batch,
        learning_rate=1e-4,
        checkpoint_seconds=86400,
    )
    terms = [ArmTerm(objective(t), t.weight) for t in stage.terms]
    limits = limits_on(case.device, case.batch, None)
    with tempfile.TemporaryDirectory() as out:
        folder = Path(out)
        events = Events(folder)
        if case.device == "cuda":
            settle(events)
        dtype = torch.bfloat16 if mode == "online-bfloat16" or case.device == "cuda" else torch.float32
        teacher: Any = LocalTeacher(workloads.model("teacher", case).eval().to(dtype), case.vocab)
        if mode == "recorded":
            store = Store(folder / "signals", Settings("teacher", 64, 1.0, (TEMPERATURE, 1.0)), events)
            teacher.record(rows, store, limits, 16, lambda _: False)
            teacher = SignalTeacher(store, rows)
        model = attach(workloads.model("student", case), Adapter(rank=16, alpha=32), 0, events)
        arm = Arm(
            "student",
            "train",
            stage,
            stage.steps or 0,
            terms,
            FixedRows(rows, case.batch, 0),
            limits,
            0,
            teacher,
            vocab=case.vocab,
        )
        loop = Loop(model, arm, Checkpoints(folder, "student", "benchmark", [], events), events)
        loop.resume()
        for _ in range(case.warmup):
            loop.one_step()
        meter, before = Meter(), loop.progress.tokens
        meter.start()
        for _ in range(case.steps):
            loop.one_step()
        timed = [e for step in range(case.warmup, case.warmup + case.steps) for e in loop.arm.source.step(step)]
        flops = products(case, timed, mode != "recorded")
        meter.stop(loop.progress.tokens - before, loop.losses[-1], matmul_flops=flops)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
