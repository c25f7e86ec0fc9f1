"""The solution is never in the student's prompt; the teacher is the adapter off with the solution before the question; the
divergence is taken on roll-out tokens alone; exact matches on toy arithmetic rise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from jobs.distill.arm import Arm
from jobs.distill.batches import Limits
from jobs.distill.catalog import objective
from jobs.distill.checkpoint import Checkpoints
from jobs.distill.events import Events
from jobs.distill.generate import Decoding, generate
from jobs.distill.recipe import Adapter, Train
from jobs.distill.recipe import Term as Spec
from jobs.distill.rows import Renderer
from jobs.distill.sources.mixed import Mix
from jobs.distill.sources.rollouts import Rollouts
from jobs.distill.sources.writing import Prompt, Wants, Writer
from jobs.distill.step import Term
from jobs.distill.students.lora import attach
from jobs.distill.teachers.own import BaseTeacher
from jobs.distill.teachers.privileged import PrivilegedTeacher
from jobs.distill.train import Loop
from tests.jobs.distill import tiny
from tests.jobs.distill.systems.own_rows import trained, values

END, USER, ASSISTANT, DIGIT, VOCAB, MODULUS = 1, 2, 3, 4, 24, 5
SUMS = [(x, y, DIGIT + (x + y) % MODULUS) for x in range(MODULUS) for y in range(MODULUS) if x <= y]


def question(x: int, y: int) -> list[int]:
    """Two numbers in words of their own, so that nothing of the sum is in the question."""
    return [USER, 10 + x, 10 + y, ASSISTANT]


def told(x: int, y: int, solution: int) -> list[int]:
    return [USER, solution, *question(x, y)[1:]]


def reader() -> Any:
    """A small model that can say what it is told and cannot add: taught on random solutions to random questions."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCAB, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        max_position_embeddings=32, bos_token_id=None, eos_token_id=END, pad_token_id=0, initializer_range=0.1,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(100):
        x, y, s = (torch.randint(0, MODULUS, (32,)) for _ in range(3))
        for ids in (
            [USER, DIGIT + s, 10 + x, 10 + y, ASSISTANT, DIGIT + s, END],
            [USER, 10 + x, 10 + y, ASSISTANT, DIGIT + s, END],
        ):
            row = torch.stack([i if isinstance(i, torch.Tensor) else torch.full_like(s, i) for i in ids], 1)
            logits = model(input_ids=row).logits[:, -3:-1]
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), row[:, -2:].flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.requires_grad_(False).eval()


def right(model: Any, prompts: list[list[int]]) -> float:
    said = generate(model.eval(), prompts, Decoding(3, (END,)), 32)
    return float(np.mean([a.ids == [s] for a, (_, _, s) in zip(said, SUMS, strict=True)]))


def test_a_model_that_is_shown_sums_teaches_itself_to_add(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    model = attach(reader(), Adapter(rank=8, alpha=16, head=True), 0)
    asked, shown = [question(x, y) for x, y, _ in SUMS], [told(*sum_) for sum_ in SUMS]
    before = right(model, asked)
    assert right(model, shown) > 0.9 and before < 0.5  # it can copy, it cannot add
    prompts = [Prompt(str(n), np.asarray(p, np.int32), False) for n, p in enumerate(asked)]
    teacher = PrivilegedTeacher(
        BaseTeacher(model, VOCAB), {str(n): np.asarray(p, np.int32) for n, p in enumerate(shown)}
    )
    writer = Writer(
        model, Renderer(tiny.tokenizer(), [END]), prompts, Decoding(3, (END,), temperature=1.0), Wants(), Limits(32), VOCAB, teacher
    )  # fmt: skip
    steps = 60
    source = Rollouts(writer, Mix(1.0, 1.0, 0, steps), 15, 0, steps, window=1)
    stage = Train(terms=[Spec(type="jsd")], steps=steps, batch_size=15, learning_rate=0.03, checkpoint_seconds=1000)
    events = Events(tmp_path)
    arm = Arm(
        "student", "train", stage, steps, [Term(objective(stage.terms[0]))], source, Limits(32), 0, teacher, vocab=VOCAB
    )
    loop = Loop(model, arm, Checkpoints(tmp_path, "student", "r", [], events), events)
    loop.resume()
    for step in range(steps):
        loop.one_step()
        if step == 0:
            for e in source.step(0):
                assert e.origin == "rollout" and e.ids[: e.start].tolist() in asked  # no solution among them
    assert right(model, asked) >= before + 0.2


def test_it_trains_and_the_divergence_is_not_zero(tmp_path: Path) -> None:
    found = trained(tmp_path, "opsd")
    assert values(found, "rollout.share") == [1.0] * 4
    assert values(found, "loss.jsd")[0] > 1e-4
