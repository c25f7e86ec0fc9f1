"""Groups of answers: where they come from, what is left out and said, how they come step by step."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.distill import stages
from jobs.distill.batches import Limits, micro_batches
from jobs.distill.errors import PlanRefused
from jobs.distill.events import Events
from jobs.distill.rows import Example, Row
from jobs.distill.session import open_session
from jobs.distill.sources.pairs import PairRows, from_columns, from_list, pair_examples, under_demonstrations
from tests.jobs.distill import tiny


def row(answer: str | None = "yes", **fields: object) -> Row:
    return Row("r", ({"role": "user", "content": "?"},), answer, "train", 0, answer is not None, fields)


def test_columns_make_a_pair_and_the_answer_stands_in_for_chosen() -> None:
    for one in (row(rejected="no"), row(None, chosen="yes", rejected="no"), row("old", chosen="yes", rejected="no")):
        _, candidates = from_columns(one, Counter())
        assert [(c.text, c.origin) for c in candidates] == [("yes", "chosen"), ("no", "rejected")]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (row(), "without a rejected answer"),
        (row(None, rejected="no"), "without a chosen answer"),
        (row(rejected=" yes "), "chosen and rejected are the same"),
    ],
)
def test_a_row_without_a_pair_is_counted(given: Row, why: str) -> None:
    missing: Counter[str] = Counter()
    assert from_columns(given, missing) is None and missing == {why: 1}


def test_a_list_keeps_its_order_and_drops_what_is_said_twice() -> None:
    _, candidates = from_list(row(ranked=["a", "b", "a ", "c"]), "ranked", 0, Counter())
    assert [(c.text, c.rank, c.origin) for c in candidates] == [
        ("a", 0, "chosen"),
        ("b", 1, "rejected"),
        ("c", 2, "rejected"),
    ]
    missing: Counter[str] = Counter()
    assert from_list(row(ranked=["a", "a"]), "ranked", 0, missing) is None and missing.total() == 1


def test_demonstrations_need_enough_answered_rows() -> None:
    missing: Counter[str] = Counter()
    assert under_demonstrations([row(), replace(row(None), row_id="other")], {}, 2, 1, 0, missing) == []
    assert missing == {"without an answer": 1, "too few answered rows to show": 1}


def pairs(n: int) -> list[Example]:
    return [
        Example(f"r{i}", np.arange(5, 10 + i, dtype=np.int32), 4, True, origin, f"r{i}")
        for i in range(n)
        for origin in ("chosen", "rejected")
    ]


def test_every_step_has_whole_pairs_each_a_group_of_its_own_even_when_one_comes_twice() -> None:
    source = PairRows(pairs(3), 5, 0)
    step = source.step(0)
    assert len(step) == 10 and len({e.group for e in step}) == 5
    assert [e.row_id for e in step] == [e.row_id for e in PairRows(pairs(3), 5, 0).step(0)]
    for micro in micro_batches(step, range(10), Limits(4)):
        chosen = {int(g) for g, o in zip(micro.group, micro.origin, strict=True) if o == "chosen"}
        assert chosen == set(micro.group.tolist()) and len(micro.which) == 2 * len(chosen)


def begun(folder: Path, source: dict, fields: dict | None) -> tuple[object, object]:
    given = tiny.rows(6, 2, 4)
    for one in given:
        one["fields"] = json.dumps(fields) if fields else None
    train = {
        "kind": "train",
        "steps": 2,
        "source": {"kind": "pairs", "max_new_tokens": 5, **source},
        "terms": [{"type": "simpo"}],
    }
    if not (folder / "recipe.yaml").exists():
        tiny.run_folder(folder, {"method": None, "train": {}, "stages": [train]}, given)
    session = open_session(folder, Events(folder))
    return stages.begin(session), session.recipe.stages[0]


def test_a_stage_without_any_pair_is_refused_with_the_reason(tmp_path: Path) -> None:
    work, stage = begun(tmp_path / "run", {}, None)
    with pytest.raises(PlanRefused, match="without a rejected answer"):
        pair_examples(work, stage, work.train_rows, "00-student")


def test_the_students_own_answers_are_written_once_and_found_again(tmp_path: Path) -> None:
    work, stage = begun(tmp_path / "run", {"pairs": "teacher_over_student"}, None)
    first = pair_examples(work, stage, work.train_rows, "00-student")
    assert {e.origin for e in first} == {"chosen", "rejected"}
    ends = {origin: {int(e.ids[-1]) for e in first if e.origin == origin} for origin in ("chosen", "rejected")}
    assert ends["chosen"] == {1} and 1 not in ends["rejected"]  # a cut answer does not learn an end
    again, stage = begun(tmp_path / "run", {}, None)
    again.learner().model = None  # nobody has to speak
    second = pair_examples(again, stage, again.train_rows, "00-student")
    assert [e.key for e in first] == [e.key for e in second]
