"""Rewrite used only when it keeps the answer, else original; mean NLL of targets under base falls; the control beside it is plain fine-tuning."""

from __future__ import annotations

from pathlib import Path

import torch

from jobs.distill.evaluate import answer_bits
from jobs.distill.generate import Decoding, generate
from jobs.distill.rows import Row
from jobs.distill.work import Speaker
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import duo, written


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"]
    _, last = written.product(turn)
    return f"I say {last + (last % 5 == 0)}" if "own words" in turn else str(last)


def test_a_rewriting_is_used_only_when_it_keeps_the_answer(tmp_path: Path) -> None:
    folder, _, _ = written.run(
        tmp_path / "run", "sdft-rewrite", scripted.rows(written.SUMS), says, by="teacher", longest=24
    )
    rows = scripted.output(folder, "own-words")
    assert len(rows) == 8 and {r["rewritten"] for r in rows} == {True, False}
    for r in rows:
        target = r["messages"][-1]["content"]
        assert target == (f"I say {r['gold']}" if r["rewritten"] else r["gold"])
        assert r["rewritten"] == (int(r["gold"]) % 5 != 0)


def test_the_bases_own_words_are_likelier_to_it_than_somebody_elses(tmp_path: Path) -> None:
    model = duo.learner(tmp_path, double=False).eval()
    speaker = Speaker(lambda: model, duo.RENDERER, 128)
    rows = [duo.row(f"r{n}", f"text {n}", f"another wording {n}") for n in range(4)]
    with torch.no_grad():
        said = generate(model, [duo.RENDERER.prompt(r.messages) for r in rows], Decoding(8, (1,)), 4)
    own = [
        Row(r.row_id, r.messages, duo.RENDERER.decode(s.ids), "train", 0, True) for r, s in zip(rows, said, strict=True)
    ]
    nats = [sum(answer_bits(speaker, ex)) / sum(e.supervised for e in ex) for ex in ([duo.RENDERER.example(r) for r in own], [duo.RENDERER.example(r) for r in rows])]  # fmt: skip
    assert nats[0] < nats[1]
