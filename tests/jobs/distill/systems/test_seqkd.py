"""Targets equal teacher beam output; interpolation picks the highest BLEU of n beams; student EM rises on a copy task."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch

from jobs.distill.answers import Said
from jobs.distill.beams import beam_search, bleu, chosen_of
from jobs.distill.generate import Decoding, generate
from jobs.distill.rows import Renderer
from jobs.distill.stages import plain_terms
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny
from tests.jobs.distill.systems import choosing, duo

torch.set_num_threads(1)
CPU = torch.device("cpu")


def test_with_beams_enough_it_finds_the_likeliest_answers_of_all(tmp_path: Path) -> None:
    """Against every answer of at most two tokens out of five, by plain forwards."""
    model = load_model(tiny.model(tmp_path / "teacher", 1, 48), torch.float64, CPU)
    prompt, words, end = [7, 9, 11], range(2, 5), 1

    def logp(ids: list[int]) -> float:
        with torch.no_grad():
            logs = torch.log_softmax(model(input_ids=torch.tensor([prompt + ids])).logits[0, :, :5].double(), -1)
        return float(sum(logs[len(prompt) + i - 1, t] for i, t in enumerate(ids)))

    every = [list(w) for n in range(2) for w in itertools.product([0, *words], repeat=n)]
    best = sorted(every, key=lambda w: -logp([*w, end]))
    found = beam_search(model, prompt, Decoding(2, (end,)), 5, vocab=5)
    assert [a.ids for a in found] == best and all(a.finished for a in found)


def test_interpolation_keeps_the_beam_nearest_to_the_gold_answer() -> None:
    said = [Said(t, True, 3) for t in ("a dog sat there", "the cat sat on a mat", "the cat stood on the mat now")]
    row, other = duo.row("r", "?", "the cat sat on the mat"), duo.row("u", "?", None)
    scores = [bleu(s.text, row.answer or "") for s in said]
    nearest = chosen_of({"r": said, "u": said}, [row, other], "nearest")
    assert nearest["r"] is said[scores.index(max(scores))] is said[1]
    assert nearest["u"] is said[0] is chosen_of({"r": said}, [row], "likeliest")["r"]
    assert bleu("the cat sat on the mat", row.answer or "") == pytest.approx(1) and bleu("dog", "cat") == 0


def test_the_student_learns_the_teacher_s_beams(tmp_path: Path) -> None:
    folder = choosing.run(tmp_path / "run", "seqkd", beams=3)
    model = load_model(tmp_path / "teacher", torch.float32, CPU)
    renderer = Renderer(tiny.tokenizer(), [1])
    ledgers = [json.loads(line) for f in (folder / "answers").glob("*.jsonl") for line in f.read_text().splitlines()]
    beams = {
        b["answers"][0][0]: b["answers"]
        for b in ledgers
        if len(b["answers"]) == 3 and len({a[0] for a in b["answers"]}) == 1
    }
    assert len(beams) == 16
    for row in tiny.rows(12, 4, 4)[:4]:
        made = beam_search(model, renderer.prompt(row["messages"]), Decoding(6, (1,)), 3)
        assert [a[1] for a in beams[row["row_id"]]] == [renderer.decode(a.ids) for a in made]


def test_exact_match_rises_on_a_copy_task(tmp_path: Path) -> None:
    """The teacher copies one letter; the student that learns its beams does too, and did not before."""
    renderer = Renderer(tiny.tokenizer(), [1])
    rows = [duo.row(c, c, c) for c in "abcdef"]
    teacher, student = (
        load_model(tiny.model(tmp_path / n, seed, 48), torch.float32, CPU).requires_grad_(True)
        for n, seed in (("t", 1), ("s", 2))
    )

    def learn(model, rows) -> None:
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        for _ in range(40):
            optimizer.zero_grad()
            duo.shares(model, plain_terms(), [renderer.example(r) for r in rows], "token_mean")
            optimizer.step()

    def right() -> int:
        said = generate(student, [renderer.prompt(r.messages) for r in rows], Decoding(3, (1,)), 6)
        return sum(renderer.decode(a.ids) == r.answer for a, r in zip(said, rows, strict=True))

    learn(teacher, rows)
    before = right()
    beams = {r.row_id: beam_search(teacher, renderer.prompt(r.messages), Decoding(3, (1,)), 3) for r in rows}
    learn(student, [duo.row(r.row_id, r.question, renderer.decode(beams[r.row_id][0].ids)) for r in rows])
    assert before == 0 and right() == 6
