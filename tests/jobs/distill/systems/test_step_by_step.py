"""Loss = a*CE(label)+(1-a)*CE(rationale) to 1e-6; label prefix emits no rationale; works from one JSONL with both fields."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from jobs.distill.data.load import read_any
from jobs.distill.generate import Decoding, generate
from jobs.distill.rows import Example, Renderer
from jobs.distill.sources.tasks import TwoTasks
from jobs.distill.stages import plain_terms
from jobs.distill.supervise import as_task, rationale_rows
from tests.jobs.distill import tiny
from tests.jobs.distill.systems import choosing, duo

torch.set_num_threads(1)
RENDERER = Renderer(tiny.tokenizer(), [1])
ROWS = [duo.row(f"r{i}", f"{q}?", a, rationale=f"Since {q} so.") for i, (q, a) in enumerate(zip("abcd", ["x", "yy", "z", "x"], strict=True))]  # fmt: skip


def tasks() -> list[Example]:
    labels = [as_task(RENDERER.example(r), "label") for r in ROWS]
    return labels + [as_task(RENDERER.example(r), "rationale") for r in rationale_rows(ROWS, "[rationale] ")]


def mean_nats(model, examples: list[Example], reduction: str) -> float:
    """Cross-entropy by plain forwards."""
    nats = [-duo.log_likelihood(model, e) for e in examples]
    if reduction == "seq_mean":
        return sum(n / e.supervised for n, e in zip(nats, examples, strict=True)) / len(examples)
    return sum(nats) / sum(e.supervised for e in examples)


@pytest.mark.parametrize("reduction", ["token_mean", "seq_mean"])
@pytest.mark.parametrize("a", [0.5, 0.8])
def test_the_loss_is_the_weighted_sum_of_both_tasks(tmp_path: Path, a: float, reduction: str) -> None:
    model, source = duo.learner(tmp_path), TwoTasks(tasks(), 3, 0, a, reduction)
    drawn = source.step(0)
    assert len(drawn) == 6
    loss = float(duo.shares(model, plain_terms(), drawn, reduction).sum())
    halves = [mean_nats(model, [e for e in drawn if e.features["task"] == t], reduction) for t in (0, 1)]
    assert loss == pytest.approx(a * halves[0] + (1 - a) * halves[1], abs=1e-6)


def test_the_plain_question_is_answered_without_the_rationale(tmp_path: Path) -> None:
    from jobs.distill.weights import load_model

    model = load_model(tiny.model(tmp_path / "student", 2, 48), torch.float32, torch.device("cpu")).requires_grad_(True)
    source = TwoTasks(tasks(), 4, 0, 0.5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(60):
        optimizer.zero_grad()
        duo.shares(model, plain_terms(), source.step(step), "token_mean")
        optimizer.step()
    asked = [*ROWS, *rationale_rows(ROWS, "[rationale] ")]
    said = generate(model, [RENDERER.prompt(r.messages) for r in asked], Decoding(24, (1,)), 8)
    assert [RENDERER.decode(s.ids) for s in said] == ["x", "yy", "z", "x", *(r.fields["rationale"] for r in ROWS)]


def test_it_trains_from_one_file_with_both_fields(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(
        "\n".join(
            json.dumps({"question": r.question, "answer": r.answer, "rationale": r.fields["rationale"]}) for r in ROWS
        )
    )
    assert [json.loads(r["fields"])["rationale"] for r in read_any(file)] == [r.fields["rationale"] for r in ROWS]
    folder = choosing.run(tmp_path / "run", "step-by-step", lambda n: {"rationale": f"Since {n}."}, teacher=False)
    assert len(choosing.losses(folder)) == 4


def test_rows_without_rationales_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="learns from rationales, and none of 12 rows has one"):
        choosing.run(tmp_path / "run", "step-by-step", teacher=False)
