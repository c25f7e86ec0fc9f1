"""Concatenated chunks equal the rationale; loss mask covers exactly one chunk per step; skip-trained output uses fewer
tokens."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.distill.generate import Decoding, generate
from jobs.distill.rows import Example, Renderer
from jobs.distill.sources.tasks import ChunkRows
from jobs.distill.stages import plain_terms
from jobs.distill.supervise import chunk_examples, chunks_of, reasoned
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny, tiny_words
from tests.jobs.distill.systems import choosing, duo

torch.set_num_threads(1)
TEXT = "Let us see.  There are 3 apples; two more come. So 3+2=5!\nThat is it. Done."


@pytest.mark.parametrize("most", [1, 2, 3, 4, 50])
def test_chunks_joined_are_the_rationale(most: int) -> None:
    chunks = chunks_of(TEXT, most)
    assert "".join(chunks) == TEXT and 1 <= len(chunks) <= most and all(chunks)
    if most in (2, 3):
        assert max(map(len, chunks)) <= len(TEXT) / most * 1.6


@pytest.mark.parametrize("tokenizer", [tiny.tokenizer, tiny_words.bpe])
def test_a_step_learns_exactly_one_chunk_of_each_row(tokenizer) -> None:
    made = tokenizer()
    renderer = Renderer(made, [made.eos_token_id])
    rows = [duo.row(f"r{i}", f"how many {i}", "5", rationale=TEXT) for i in range(4)]
    examples = [e for r in rows for e in chunk_examples(r, renderer, 3, 500)]
    source = ChunkRows(examples, 4, 0)
    seen: dict[str, list[Example]] = {}
    for step in range(4):
        drawn = source.step(step)
        assert len({e.row_id for e in drawn}) == 4
        for e in drawn:
            seen.setdefault(e.row_id, []).append(e)
    for row in rows:
        parts, whole = seen[row.row_id], renderer.example(reasoned(row))
        assert [e.features["chunk"] for e in parts] == [0, 1, 2, 3]  # the last is the answer
        assert parts[0].start == whole.start and len(parts[-1].ids) == len(whole.ids)
        for before, after in zip(parts, parts[1:], strict=False):
            assert after.start == len(before.ids)  # no token in two chunks, none in none
        assert np.array_equal(np.concatenate([e.ids[e.start :] for e in parts]), whole.ids[whole.start :])


def test_a_student_that_learnt_to_skip_says_less(tmp_path: Path) -> None:
    """Two of three chunks say nothing of the answer."""
    renderer = Renderer(tiny.tokenizer(), [1])
    full, short = "Well. It is {}. Good.", " It is {}."
    rows = [duo.row(f"r{i}", q, a, rationale=full.format(a)) for i, (q, a) in enumerate(zip("pqr", "789", strict=True))]
    model = load_model(tiny.model(tmp_path / "student", 2, 48), torch.float32, torch.device("cpu")).requires_grad_(True)
    said = []
    chunks = ChunkRows([e for r in rows for e in chunk_examples(r, renderer, 3, 128)], 3, 0)
    for steps, source in (
        (160, chunks.step),
        (60, lambda step: [renderer.example(reasoned(r, short.format(r.answer))) for r in rows]),
    ):
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        for step in range(steps):
            optimizer.zero_grad()
            duo.shares(model, plain_terms(), source(step), "token_mean")
            optimizer.step()
        said.append(generate(model, [renderer.prompt(r.messages) for r in rows], Decoding(40, (1,)), 3))
    assert (
        renderer.decode(said[0][0].ids) == "Well. It is 7. Good.\n7"
        and renderer.decode(said[1][0].ids) == " It is 7.\n7"
    )
    assert all(len(b.ids) < len(a.ids) for a, b in zip(*said, strict=True))


def test_a_run_leaves_out_what_the_answer_does_not_need(tmp_path: Path) -> None:
    folder = choosing.run(
        tmp_path / "run",
        "skip-thinking",
        lambda n: {"rationale": f"First {n}. Then more! At last."},
        teacher=False,
        chunks=3,
    )
    kept = json.loads((folder / "stages" / "01-student-shortened" / "rationales.json").read_text())
    assert len(kept) == 12 and all(set(t) <= set("Firstthenmore! At last.TAF0123456789") for t in kept.values())
    assert any(len(t) < 25 for t in kept.values()) and len(choosing.losses(folder)) == 8
    assert any(e["field"] == "rationale" for e in choosing.told(folder, "reason"))
