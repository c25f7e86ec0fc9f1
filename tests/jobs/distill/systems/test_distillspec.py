"""Acceptance (sum of min(p, q)) rises by training; greedy speculative output is identical to the target's; tokens per call
of the target are reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.distill.generate import Decoding, generate
from jobs.distill.rows import Example, Renderer
from jobs.distill.speculative import acceptance, speculate
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny
from tests.jobs.distill.systems.own_rows import trained

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spec")
    trained(folder, "distillspec", steps=40, learning_rate=0.02, batch_size=8)
    return folder


def test_acceptance_rises_on_heldout_prompts(run: Path) -> None:
    """The student after a few steps against itself before, on answers the target writes to prompts nobody trained on."""
    from peft import PeftModel

    target, before = (load_model(run / who, torch.float32, CPU) for who in ("teacher", "student"))
    after = PeftModel.from_pretrained(load_model(run / "student", torch.float32, CPU), str(run / "run" / "adapter"))
    renderer = Renderer(tiny.tokenizer(), [1])
    heldout = [r for r in tiny.rows(labelled=12, unlabelled=4, heldout=4) if r["split"] == "heldout"]
    prompts = [renderer.prompt(r["messages"]) for r in heldout]
    said = generate(target, prompts, Decoding(12, (1,)), 8)
    rows = [
        Example(str(n), np.asarray(p + a.ids, np.int32), len(p), True)
        for n, (p, a) in enumerate(zip(prompts, said, strict=True))
    ]
    first, last = (acceptance(target, draft, rows, 261) for draft in (before, after.eval()))
    assert last > first + 0.02 and acceptance(target, target, rows, 261) == pytest.approx(1)


def test_drafts_change_the_calls_and_never_the_words(run: Path) -> None:
    target, draft = (load_model(run / who, torch.float32, CPU) for who in ("teacher", "student"))
    for n in range(3):
        prompt = [2, *range(70 + n, 80 + n), 3]
        alone = generate(target, [prompt], Decoding(16, (1,)), 1)[0]
        helped, best = speculate(target, draft, prompt, 16, (1,)), speculate(target, target, prompt, 16, (1,))
        assert helped.ids == best.ids == alone.ids
        assert helped.tokens_per_call >= 1 and best.tokens_per_call > 3  # a perfect draft: five tokens a call
