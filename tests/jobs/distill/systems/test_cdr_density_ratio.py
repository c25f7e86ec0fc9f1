"""Reward equals logp_strong-logp_weak to 1e-6; identical models give 0; pairs sorted by it feed DPO."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import torch

from jobs.distill import stages
from jobs.distill.events import Events
from jobs.distill.recipe import Member
from jobs.distill.session import open_session
from jobs.distill.sources.density import Scored, extremes, log_probabilities
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny
from tests.jobs.distill.systems import duo


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return duo.run(tmp_path_factory.mktemp("cdr") / "run", "cdr-density-ratio", max_new_tokens=24, samples=4)


def test_its_rewards_are_differences_of_log_probabilities(done: Path) -> None:
    kept = json.loads((done / "stages" / "02-student-pairs" / "pairs.json").read_text())
    questions = {r["row_id"]: r["messages"][0]["content"] for r in tiny.rows(12, 4, 4)}
    models = [load_model(done.parent / who, torch.float32, duo.CPU).eval() for who in ("teacher", "student")]
    checked = 0
    for row_id, answers in kept.items():
        for a in answers[:1]:
            e = duo.RENDERER.example(duo.row(row_id, questions[row_id], a["text"]))
            cut = 0 if a["finished"] else 1
            ids = torch.from_numpy(e.ids.astype("int64"))[None, : len(e.ids) - cut]
            logs = [torch.log_softmax(m(input_ids=ids).logits[0, e.start - 1 : -1].double(), -1) for m in models]
            strong, weak = (float(x.gather(-1, ids[0, e.start :, None]).sum()) for x in logs)
            assert Scored(**a).reward == pytest.approx(strong - weak, abs=1e-4)  # of about a hundred nats in float32
            assert Scored(**a).reward == pytest.approx(a["strong"] - a["weak"], abs=1e-6)
            checked += 1
    assert checked >= 10


def test_a_model_over_itself_rewards_nothing(done: Path) -> None:
    work = stages.begin(open_session(done, Events(done)))
    stage = work.session.recipe.stages[2]
    asked = [(duo.row("a", "lost card?", "card lost"), True), (duo.row("b", "money", "zz"), False)]
    once = log_probabilities(work, stage, Member(kind="base"), asked)
    assert [a - b for a, b in zip(once, log_probabilities(work, stage, Member(kind="base"), asked), strict=True)] == [
        0,
        0,
    ]
    assert extremes([Scored("a", True, -3, -3), Scored("b", True, -5, -5)], Counter()) is None


def test_the_largest_reward_is_chosen_over_the_smallest_and_a_cut_answer_never() -> None:
    scored = [
        Scored("a", True, -1, -3),
        Scored("b", True, -1, -1.5),
        Scored("c", False, -1, -9),
        Scored("d", True, -4, -3),
    ]
    best, worst = extremes(scored, Counter())
    assert (best.text, worst.text) == ("a", "d")


def test_its_small_form_trains_on_the_pairs_it_made(done: Path) -> None:
    (said,) = [e for e in duo.told(done, "reason") if e["field"] == "train.pairs"]
    assert "no answer came to its end" in said["why"] and int(said["value"].split()[0]) >= 1
    assert len(duo.losses_of(done, "simpo")) == 3
