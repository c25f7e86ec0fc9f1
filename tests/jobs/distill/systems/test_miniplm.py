"""Score = logp_teacher - logp_ref per token to 1e-6; top ratio kept deterministic; planted noise text gets dropped; any
student tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.rows import Renderer, Row
from jobs.distill.selection.base import Candidate, Pool
from jobs.distill.selection.difference import Difference
from jobs.distill.selection.reading import joined, read_examples
from jobs.distill.supervise import whole_texts
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny, tiny_words
from tests.jobs.distill.systems import choosing

torch.set_num_threads(1)
TEXTS = ["my card is gone", "money back please", "what is the rate", "how do I add cash", "zqxj kvw #@! 9~9"]


def dense(model, ids: list[int]) -> float:
    """log-probability of a text by a plain forward."""
    with torch.no_grad():
        logs = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0].double(), -1)
    return float(sum(logs[t - 1, ids[t]] for t in range(1, len(ids))))


def rows() -> list[Row]:
    return [Row(f"r{i}", ({"role": "user", "content": t},), None, "train", i, False) for i, t in enumerate(TEXTS)]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    cpu = torch.device("cpu")
    return [
        load_model(tiny.model(folder / n, seed, width), torch.float32, cpu)
        for n, seed, width in (("t", 1, 48), ("r", 2, 32))
    ]


def test_a_score_is_the_difference_of_log_probabilities_a_token(models) -> None:
    renderer = Renderer(tiny.tokenizer(), [1])
    examples = whole_texts(rows(), renderer, 64)
    reads = [joined(examples, read_examples(m, examples)) for m in models]
    listed = Pool([Candidate(r.row_id, r.question) for r in rows()], lambda role: reads[role == "reference"])
    chosen = Difference().choose(listed, 0.4, None)
    ids = [renderer.text(t) for t in TEXTS]
    plain = {f"r{i}": (dense(models[0], x) - dense(models[1], x)) / (len(x) - 1) for i, x in enumerate(ids)}
    assert chosen.scores == pytest.approx(plain, abs=1e-6)
    assert sorted(chosen.weights) == sorted(sorted(plain, key=lambda r: -plain[r])[:2])
    assert chosen == Difference().choose(listed, 0.4, None)


def test_noise_that_a_trained_teacher_does_not_expect_is_dropped(models, tmp_path: Path) -> None:
    teacher = load_model(tiny.model(tmp_path / "fresh", 3, 48), torch.float32, torch.device("cpu")).requires_grad_(True)
    renderer = Renderer(tiny.tokenizer(), [1])
    examples = whole_texts(rows(), renderer, 64)
    optimizer = torch.optim.AdamW(teacher.parameters(), lr=1e-2)
    for _ in range(25):  # on everything but the noise
        for e in examples[:-1]:
            ids = torch.from_numpy(e.ids.astype("int64"))[None]
            teacher(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    reads = {
        role: joined(examples, read_examples(m, examples))
        for role, m in (("teacher", teacher), ("reference", models[1]))
    }
    listed = Pool([Candidate(r.row_id, r.question) for r in rows()], lambda role: reads[role])
    chosen = Difference().choose(listed, 0.8, None)
    assert set(chosen.weights) == {"r0", "r1", "r2", "r3"} and min(chosen.scores, key=chosen.scores.__getitem__) == "r4"


def test_the_student_may_have_any_tokenizer(tmp_path: Path) -> None:
    tiny_words.teacher(tmp_path / "teacher")
    folder = choosing.run(tmp_path / "run", "miniplm", keep=0.25)
    assert len(choosing.kept(folder, 0)) == 4
    out = choosing.left_out(folder, "difference-sampling")
    assert len(out) == 12 and all(isinstance(r["score"], float) for r in out)
    assert len(choosing.losses(folder)) == 4
