"""Only agreed rankings enter demos; demo store versioned per round; agreement rate rises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.preferring.base import Group
from jobs.distill.preferring.by_judge import AgreedRankings
from tests.jobs.distill import scripted
from tests.jobs.distill.bench import Bench, row
from tests.jobs.distill.systems import judged, written

pytestmark = pytest.mark.slow  # whole runs, shared by its tests

ROWS = [(f"ask {n}", ("aaa", "abc", "aaa", "bca", "aab", "cba")[n % 6]) for n in range(28)]


def says(messages: list[dict[str, str]]) -> str:
    """The judge prefers the answer with more of the letter a; without an example before it, it is wrong on two of three questions."""
    if not judged.is_judge(messages):
        return "yes"
    asked = judged.parts(messages)
    a, b = asked["answer-A"], asked["answer-B"]
    better = "A" if (-a.count("a") / len(a), a) < (-b.count("a") / len(b), b) else "B"
    unsure = "agreed on before" not in messages[1]["content"] and int(asked["question"].split()[1]) % 3 < 2
    return judged.choice({"A": "B", "B": "A"}[better] if unsure else better)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"rounds": 2, "candidates": 3, "demos": 2, "answer_tokens": 32, "first_rate": 0.005}
    train = {"steps": 10, "batch_size": 4, "learning_rate": 0.002}
    recipe = {"method": "cyclealign", "options": options, "train": train, "evaluation": {"max_new_tokens": 8}}
    return scripted.run(tmp_path_factory.mktemp("c") / "run", recipe, scripted.rows(ROWS), says)[0]


def test_the_best_answer_is_learnt_beside_the_ranking(done: Path) -> None:
    values = [e["values"] for e in scripted.events(done, "metric") if "loss.list-ranking" in e["values"]]
    assert len(values) == 20 and all(v["loss.cross-entropy"] > 0 for v in values)
    off = written.stages("cyclealign", ce_weight=0.0)[1].stages[-1]
    assert [t.type for t in off.terms] == ["list-ranking"]


def test_only_agreed_rankings_are_shown_and_each_round_has_its_store(done: Path) -> None:
    first, second = scripted.output(done, "agree-1"), scripted.output(done, "agree-2")
    assert first and second and all(r["agreed"] for r in (*first, *second))
    assert {json.dumps(r["demos"]) for r in first} == {'{"version": "none", "rows": []}'}
    (store,) = {json.dumps(r["demos"]) for r in second}
    assert json.loads(store)["rows"] == [r["id"] for r in first[-2:]] and json.loads(store)["version"] != "none"
    left = {r["reason"] for r in scripted.rejected(done, "agree-1")}
    assert "judge and student do not agree" in left


def test_the_agreement_rises_with_the_examples_the_judge_is_shown() -> None:
    """Two rounds over the same answers: what the first one agrees on makes the judge sure in the second."""
    groups = []
    for n in range(12):
        rows = [row(f"{n}{k}", f"ask {n}", text, by="student", parent=f"p{n}") for k, text in enumerate(("aab", "bbb"))]
        groups.append(Group(rows[0].messages, rows))
    rule, options = AgreedRankings(), AgreedRankings.Options(demos=2)

    def bench(earlier: list) -> Bench:
        return Bench(
            lambda who, r: says(list(r.messages)), lambda who, r: (3.0 - r.answer.count("a"), 1), earlier=earlier
        )

    first = rule.prefer(groups, options, bench([]))
    store = [row(f"s{n}", f"ask {n}", "x", by="student", agreed=True, ranked=list(f[0].ranked)) for n, f in enumerate(first) if f[0].ranked]  # fmt: skip
    second = rule.prefer(groups, options, bench(store))
    rates = [sum(bool(f[0].ranked) for f in found) / len(groups) for found in (first, second)]
    assert rates == [pytest.approx(1 / 3), 1.0]
