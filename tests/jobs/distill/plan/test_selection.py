"""Selections, rationales and mixes in the plan: refused in words, counted in rows, time and memory."""

from __future__ import annotations

import pytest


def select(method: str = "difference", **changes):
    return {"kind": "select", "method": method, **changes}


@pytest.mark.parametrize(("stage", "code", "words"), [
    (select("diference"), "SELECTION_UNKNOWN", "no selection 'diference'"), (select("perplexity", options={"band": "middle"}), "OPTION_INVALID", "option band"),
    (select(reference="tiny-one"), "SELECTION_MODEL", "read by 'tiny-one'"), (select(reference="teacher"), "SELECTION_SAME", "compared with itself"),
])  # fmt: skip
def test_a_selection_that_cannot_be_is_refused(desk, stage, code, words):
    found = desk.plan(stages=[stage, desk.train("cross-entropy")])
    assert desk.codes(found.refusals) == [code] and words in found.refusals[0].message


def test_a_selection_behind_all_training_is_warned_of(desk):
    found = desk.plan(stages=[desk.train("cross-entropy", rows="labelled"), select("quantization")])
    assert "SELECTION_UNUSED" in desk.codes(found.warnings)


def test_rationales_and_domains_must_be_in_the_data(desk):
    none = {"rows": desk.data(extras={})}
    told = desk.plan(stages=[desk.train("cross-entropy", supervise="rationale")], **none)
    assert "RATIONALE_MISSING" in desk.codes(told.refusals)
    mixed = desk.plan(stages=[desk.train("cross-entropy", mix={})], **none)
    assert "DOMAIN_MISSING" in desk.codes(mixed.refusals)
    assert desk.plan(
        stages=[desk.train("cross-entropy", rows="labelled", mix={})], rows=desk.data(extras={"domain": 9})
    ).ok


def test_two_ways_to_draw_rows_are_one_too_many(desk):
    found = desk.plan(stages=[desk.train("cross-entropy", supervise="chunks", order="easy_first")])
    assert "ORDER_TWICE" in desk.codes(found.refusals)
    own = desk.plan(stages=[desk.train("cross-entropy", order="easy_first", source={"kind": "student"})])
    assert "FIXED_ROWS_ONLY" in desk.codes(own.refusals)


def test_it_counts_what_is_read_and_what_is_left(desk):
    found = desk.plan(asked=desk.recipe(method="miniplm", options={"keep": 0.25}))
    read, train = found.stages[0], next(s for s in found.stages if s.kind == "train")
    assert (
        found.ok
        and read.kind == "select"
        and read.seconds > 0
        and "The teacher and the student as it starts" in read.computes
    )
    assert train.rows == round(read.rows / 4) and found.rows.unlabelled > 0  # raw text needs no answers
