"""Chosen generated with short context, rejected with long, same instruction id; KL to short-context reference logged and bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs.distill import scripted

TEXTS = [(f"Ann has {n} cats.\n\nBob has {n + 1} dogs.\n\nThe sun is up.", "ok") for n in range(14)]

BOUND = 0.5  # nats a token


def says(messages: list[dict[str, str]]) -> str:
    text = messages[-1]["content"]
    if "Write one question" in text:
        return f"Who? {text.split()[0]}"
    return "lost" if text.count("\n\n") > 1 else text.split(".")[0]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, scripted.Teacher]:
    options = {"writer": "teacher", "passage": 5, "answer_tokens": 24, "kl_weight": 1.0}
    train = {"steps": 12, "batch_size": 4, "learning_rate": 0.005}
    recipe = {"method": "longpo", "options": options, "train": train}
    folder, teacher = scripted.run(tmp_path_factory.mktemp("l") / "run", recipe, scripted.rows(TEXTS), says)
    assert teacher is not None
    return folder, teacher


def test_short_wins_over_long_for_one_instruction(done: tuple[Path, scripted.Teacher]) -> None:
    folder, teacher = done
    rows = {(r["instruction_id"], r["context"]): r for r in scripted.output(folder, "contexts")}
    pairs = scripted.output(folder, "short-over-long")
    assert len(pairs) == 10
    for p in pairs:
        short, long = rows[p["instruction_id"], "short"], rows[p["instruction_id"], "long"]
        assert p["chosen"] == short["messages"][-1]["content"] and p["rejected"] == long["messages"][-1]["content"]
        assert p["contexts"] == ["short", "long"]
        asked = p["messages"][0]["content"]  # learnt under the long text, the reference reads the short one
        assert asked.count("\n\n") == 3 and p["privileged_prompt"][-1]["content"].count("\n\n") == 1
        assert any(m[-1]["content"] == p["privileged_prompt"][-1]["content"] for m in teacher.asked)


def test_the_divergence_from_the_short_context_is_logged_and_bounded(done: tuple[Path, scripted.Teacher]) -> None:
    metrics = [e["values"] for e in scripted.events(done[0], "metric") if "loss.forward-kl" in e["values"]]
    kl, dpo = [m["loss.forward-kl"] for m in metrics], [m["loss.dpo"] for m in metrics]
    assert len(kl) == 12 and 0 < max(kl) < BOUND and sum(dpo[-3:]) < sum(dpo[:3])
