"""Rows become token ids with labels at the right positions; text never becomes a control token."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.distill.batches import Limits
from jobs.distill.labelling.labels import Labels
from jobs.distill.labelling.reading import Reader, label_micros, weighted
from jobs.distill.rows import Row
from tests.jobs.distill.labelling import small

TAGS = Labels.tags(["person", "place"])
ANSWER = '[{"type": "person", "text": "Ada"}, {"type": "place", "text": "Rome"}]'


def row(text: str, answer: str | None = None) -> Row:
    return Row("r", ({"role": "user", "content": text},), answer, "train", 0, answer is not None)


def test_every_span_gets_its_tokens():
    example, lost = Reader(small.tokenizer(), TAGS, 100).example(row("Ada é Rome"), ANSWER)
    assert lost == [] and [TAGS.names[t][0] for t in example.targets] == list("BIIOOBIII")
    assert example.supervised == len("Ada") + 2 + len("Rome")  # e with an accent is two bytes; spaces stand for no text


def test_a_cut_row_keeps_its_frame_and_loses_spans_in_words():
    reader = Reader(small.tokenizer(), TAGS, 6)
    example, lost = reader.example(row("Ada in Rome"), ANSWER)
    assert list(example.ids[[0, -1]]) == [1, 2] and len(example.ids) == 6
    assert [(x.text, "cut off" in x.why) for x in lost] == [("Rome", True)]


def test_text_that_looks_like_a_control_token_stays_text():
    found = Reader(small.tokenizer(), TAGS, 100).encode("[SEP] a")
    assert found.ids.count(2) == 1 and len(found.ids) == len("[SEP] a") + 2


def test_a_classifier_reads_every_turn_and_a_tagger_the_last():
    turns = ({"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"})
    two = Row("r", turns, None, "train", 0, False)
    assert Reader(small.tokenizer(), Labels(("a", "b"), "classify"), 100).text(two) == "Be kind.\nhi"
    assert Reader(small.tokenizer(), TAGS, 100).text(two) == "hi"


def test_an_answer_outside_the_list_is_unknown():
    reader = Reader(small.tokenizer(), Labels(("a", "b"), "classify"), 100)
    assert reader.example(row("x", "b"), "b")[0].targets.tolist() == [1]
    assert reader.example(row("x", "c"), "c")[0].targets.tolist() == [-1]


@pytest.mark.parametrize("reduction", ["token_mean", "seq_mean"])
def test_weights_add_up_to_one_however_the_step_is_cut(reduction):
    reader = Reader(small.tokenizer(), TAGS, 100)
    examples = [reader.example(row(t, ANSWER), ANSWER)[0] for t in ("Ada in Rome", "Ada", "so Rome it is, Ada")]
    for limits in (Limits(8), Limits(1), Limits(2, 20)):
        micros = label_micros(examples, range(3), limits, 0, reduction)
        assert sum(float(m.weights.sum()) for m in micros) == pytest.approx(1)
        assert sorted(i for m in micros for i in m.which) == [0, 1, 2]
        assert all((m.input_ids[m.mask == 0] == 0).all() for m in micros)


def test_the_weight_of_a_label_moves_the_mean_and_not_the_sum():
    reader = Reader(small.tokenizer(), Labels(("a", "b"), "classify"), 100)
    examples = [weighted(reader.example(row(t, t), t)[0], np.asarray([1, 3], np.float32)) for t in ("a", "b")]
    (micro,) = label_micros(examples, range(2), Limits(8), 0)
    assert sorted(micro.weights.tolist()) == pytest.approx([0.25, 0.75])
