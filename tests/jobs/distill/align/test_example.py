"""Rows as both models read them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jobs.distill.align.example import Aligner
from jobs.distill.errors import DataRefused
from jobs.distill.rows import Renderer, Row
from tests.jobs.distill import tiny, tiny_words


def renderer(tokenizer) -> Renderer:
    return Renderer(tokenizer, [tokenizer.eos_token_id])


def row(answer: str = "card lost") -> Row:
    return Row("r", ({"role": "user", "content": "my card is gone"},), answer, "train", 0, True)


@pytest.fixture
def aligner() -> Aligner:
    return Aligner(renderer(tiny.tokenizer()), renderer(tiny_words.bpe()), {"r": row()}, 128)


def test_bytes_meet_words_and_end_meets_end(aligner):
    found = aligner.of(aligner.student.example(row()))
    assert found.ids[: found.start].tolist() == aligner.teacher.prompt(row().messages)
    assert found.student.tolist() == [0] * 4 + [1] * 5 + [2] and found.teacher.tolist() == [0, 1, 2]
    assert found.ended and found.spans == 3
    assert found.by_span.tolist() == [0, -1, -1, -1, 1, -1, -1, -1, -1, 2]
    assert found.by_place.tolist() == [0, 1, 2] + [-1] * 7


def test_an_answer_of_the_student_keeps_its_own_cut(aligner):
    """A rollout that was cut at its longest has no end; bytes that form no character are one for the teacher."""
    example = aligner.student.example(row("card é"))
    cut = replace(example, ids=example.ids[:-2], origin="rollout")
    found = aligner.of(cut)
    assert not found.ended and found.student.tolist() == [0] * 4 + [1, 2]
    said = aligner.teacher.tokenizer.decode(found.ids[found.start : -1])
    assert said == "card \ufffd"


def test_the_same_tokenizer_aligns_every_token():
    same = renderer(tiny.tokenizer())
    found = Aligner(same, same, {"r": row()}, 128).of(same.example(row()))
    assert found.student.tolist() == found.teacher.tolist() == list(range(10))
    assert found.by_span.tolist() == found.by_place.tolist()


def test_a_template_that_trims_is_compared_on_what_it_leaves(aligner):
    aligner.rows = {"r": row(" card lost ")}
    found = aligner.of(aligner.student.example(row(" card lost ")))
    assert found.student[0] == -1 and found.student[1:5].tolist() == [0] * 4 and found.ended


def test_answers_longer_than_the_teacher_reads_are_shortened_and_counted():
    short = Aligner(renderer(tiny.tokenizer()), renderer(tiny_words.bpe()), {"r": row("card lost " * 9)}, 12)
    found = short.of(short.student.example(row("card lost " * 9)))
    assert len(found.ids) == 12 and short.shortened == 1 and not found.ended


def test_a_row_nobody_knows_is_refused_by_name(aligner):
    with pytest.raises(DataRefused, match="row x"):
        aligner.of(replace(aligner.student.example(row()), row_id="x", ids=np.arange(6, dtype=np.int32)))
