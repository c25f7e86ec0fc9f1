"""Pairs always improve the reward; corrector adapter applied to frozen generator output raises constraint rate."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.distill import scripted
from tests.jobs.distill.decoding.answering import answer
from tests.jobs.distill.systems import written
from tests.jobs.distill.writers.corrections_rate import rate
from tests.jobs.distill.writers.speaking import row

COUNT = written.Turns()


def says(messages: list[dict[str, str]]) -> str:
    return ("a dog runs", "a dog has a ball", "nothing")[COUNT.next(messages[-1]["content"]) % 3]


def test_every_pair_improves_its_reward(tmp_path: Path) -> None:
    given = scripted.rows([(f'Say "dog" and "ball" {n}.', "the dog and the ball") for n in range(8)])
    folder, report, _ = written.run(
        tmp_path / "run", "self-correction", given, says, generator="teacher", reward="words", feedback=True, samples=3, rounds=1, longest=32
    )  # fmt: skip
    rows = scripted.output(folder, "drafts-1")
    assert rows and all(r["rewards"]["better"] > r["rewards"]["worse"] for r in rows)
    assert all("these words are missing" in r["messages"][0]["content"] for r in rows)
    assert "generator alone" in report["together"]["alone"]


def test_the_corrector_raises_the_constraint_rate_of_a_frozen_generator() -> None:
    def small(to: str, turn: str, request: object) -> str:
        if to == "base":
            return "a dog runs"
        return turn.split("Draft: ")[1].split("\n")[0] + " " + turn.split("missing: ")[1].split("\n")[0]

    rows = [row(f'Say "dog", "ball" and "w{n}".', "x") for n in range(5)]
    found = [answer("generate-correct", r, small, feedback=True) for r in rows]
    assert rate([f.text for f in found], rows) == 1.0 > rate([f.alone["generator alone"] for f in found], rows)
