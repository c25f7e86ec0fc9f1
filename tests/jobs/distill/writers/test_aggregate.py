from __future__ import annotations

import pytest

from jobs.distill.rows import Renderer, Row
from jobs.distill.writers.base import Unusable
from tests.jobs.distill import tiny
from tests.jobs.distill.writers.speaking import row, script, write

SUM = row("What is 3 * 4?", "12")


def test_the_drafts_stand_in_the_question_and_are_not_learnt():
    (made,) = write("aggregate", SUM, script("It is 11.", "It is 12.", "12"), drafts=2)
    assert made.fields["drafts"] == ["It is 11.", "It is 12."] and made.answer == "12"
    renderer = Renderer(tiny.tokenizer(), [1])
    example = renderer.example(Row("a", tuple(dict(m) for m in made.messages), made.answer, "train", 0, False))
    read, learnt = renderer.decode(example.ids[: example.start]), renderer.decode(example.ids[example.start :])
    assert "Draft 1:\nIt is 11." in read and "Draft 2" in read and learnt == "12"


def test_the_drafter_may_be_somebody_else():
    asked = []
    write("aggregate", SUM, lambda turn, q: asked.append(q.to) or "12", drafts=3, drafter="student")
    assert asked == ["student"] * 3 + [""]


def test_a_wrong_aggregation_is_left_out():
    with pytest.raises(Unusable, match="not the gold one"):
        write("aggregate", SUM, script("11", "12", "11"), drafts=2)
