"""Writers for classifiers: what is refused, what is left out, and which labels come first."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.distill.asking import Reply
from jobs.distill.errors import PlanRefused
from jobs.distill.rows import Row
from jobs.distill.writers.base import Desk, Seed, Unusable, Writer, one
from jobs.distill.writers.class_mix import ClassMix
from jobs.distill.writers.weak_spots import NOTHING, WeakSpots, f1_by_label


def row(n: int, label: str) -> Row:
    return Row(f"r{n}", ({"role": "user", "content": f"text {n}"},), label, "train", n, True)


ROWS = [row(n, "ABBB"[n % 4]) for n in range(8)]


def seeds(writer: Writer, rows: list[Row] = ROWS, desk: dict[str, Any] | None = None, **options: Any) -> list[Seed]:
    made = Desk(writer.prompts, 64, **{"temperature": 0.7, "rows": ROWS, **(desk or {})})
    return list(writer.seeds(rows, writer.Options(**options), made))


def write(writer: Writer, seed: Seed, *said: str) -> Any:
    made = Desk(writer.prompts, 64, temperature=0.7, rows=ROWS)
    return one(writer.write(seed, writer.Options(), made), iter([[Reply("x", text)] for text in said]))


def test_each_text_of_a_mix_is_a_question_of_its_own() -> None:
    found = seeds(ClassMix(), number=3)
    assert [s.values["label"] for s in found] == ["A"] * 3 + ["B"] * 3
    asked = [next(ClassMix().write(s, ClassMix.Options(number=3), Desk(ClassMix.prompts, 64, temperature=0.7)))[0] for s in found]  # fmt: skip
    assert len({q.request.sha256 for q in asked}) == 6


def test_one_label_and_greedy_texts_are_refused() -> None:
    with pytest.raises(PlanRefused, match="at least two labels; the rows to start from have 1"):
        seeds(ClassMix(), [row(1, "A")])
    with pytest.raises(PlanRefused, match="temperature 0"):
        seeds(ClassMix(), desk={"temperature": 0.0})


def test_a_new_label_outside_the_list_and_a_copied_example_are_unusable() -> None:
    seed = seeds(ClassMix(), number=1)[0]
    with pytest.raises(Unusable, match="'C' is none of the 2 labels"):
        write(ClassMix(), seed, "new", "C")
    with pytest.raises(Unusable, match="repeats"):
        write(ClassMix(), seed, seed.rows[0].question, "A")
    (made,) = write(ClassMix(), seed, "new", "b.")
    assert made.answer == "B" and made.fields["intended"] == "A"


def test_the_label_with_the_lowest_score_comes_first() -> None:
    says = {r.row_id: "B" for r in ROWS} | {"r1": "nonsense"}  # A is never found, B but once missed
    wrong = [r for r in ROWS if says[r.row_id] != r.answer]
    found = seeds(WeakSpots(), wrong, {"student_says": says})
    assert [(s.values["label"], s.values["said"]) for s in found] == [("A", "B"), ("B", NOTHING)]
    assert found[0].values["scores"][0] == ["A", 0.0, 2]
    assert seeds(WeakSpots(), [], {"student_says": says}) == []
    items = [{"text": "t", "label": "a"}, {"text": "u", "label": "C"}]
    kept, lost = write(WeakSpots(), found[0], json.dumps({"items": items}))
    assert kept.answer == "A" and not kept.left_out and "none of the 2 labels" in lost.left_out


def test_f1_is_twice_the_right_over_said_and_gold() -> None:
    assert f1_by_label(["A", "A", "B"], ["A", "B", "B"]) == {"A": 2 / 3, "B": 2 / 3}
