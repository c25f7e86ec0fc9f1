"""What a writer would ask, shown before it is asked."""

from __future__ import annotations

import pytest

from jobs.distill.errors import RecipeInvalid
from jobs.distill.recipe import Write
from jobs.distill.rows import Row
from jobs.distill.writers.preview import preview


def row(n: int, answer: str | None = "4") -> Row:
    return Row(f"r{n}", ({"role": "user", "content": f"{n} + {n}?"},), answer, "train", n, answer is not None)


def test_it_fills_the_prompt_in_for_five_rows() -> None:
    stage = Write(writer="answers", prompts={"answer": {"user": "Sum: {{question}}", "system": "You add."}})
    found = preview(stage, [row(n) for n in range(9)])
    assert [q["id"] for q in found["questions"]] == ["r0", "r1", "r2", "r3", "r4"]
    assert found["questions"][3]["asked"] == [
        [{"role": "system", "content": "You add."}, {"role": "user", "content": "Sum: 3 + 3?"}]
    ]
    assert not found["note"]


def test_it_starts_from_the_rows_the_stage_starts_from() -> None:
    rows = [row(0), row(1, None), row(2)]
    assert [q["id"] for q in preview(Write(writer="answers", rows="unlabelled"), rows)["questions"]] == ["r1"]
    assert "under way" in preview(Write(writer="answers", rows="wrong"), rows)["note"]


def test_an_unknown_variable_is_refused_with_its_line() -> None:
    with pytest.raises(RecipeInvalid, match="line 2.*questoin"):
        preview(Write(writer="answers", prompts={"answer": {"user": "Sum:\n{{questoin}}"}}), [row(0)])
