"""Merges in the plan: parents, weights and adapters that cannot be merged are refused in words."""

from __future__ import annotations

import pytest


def merge(*parents: str, **changes):
    return {"kind": "merge", "parents": list(parents), **changes}


@pytest.mark.parametrize(("stage", "code", "words"), [
    (merge("a", method="tias"), "MERGE_UNKNOWN", "no way to merge called 'tias'"),
    (merge("a", "later"), "MERGE_PARENT", "merges 'later', which is no earlier adapter; there are: a"),
    (merge("base"), "MERGE_NOTHING", "nothing but the base"),
    (merge("a", method="slerp"), "MERGE_PARENTS", "takes 2 parents; 'merge' has 1"),
    (merge("a", "base", method="variation", weights=[1, 0]), "MERGE_WEIGHTS", "finds its weights itself"),
    (merge("a", method="dare", options={"drop": 1}), "OPTION_INVALID", "option drop"),
    (merge("a", method="ties", sweep=[0.5]), "MERGE_SWEEP", "tries values"),
])  # fmt: skip
def test_a_merge_that_cannot_be_is_refused(desk, stage, code, words):
    found = desk.plan(stages=[desk.train("cross-entropy", name="a", rows="labelled"), stage])
    assert desk.codes(found.refusals) == [code] and words in found.refusals[0].message


def test_weights_that_do_not_sum_to_one_are_warned_of(desk):
    stages = [desk.train("cross-entropy", name="a", rows="labelled"), merge("a", "base", weights=[0.7, 0.7])]
    assert "MERGE_SUM" in desk.codes(desk.plan(stages=stages).warnings)
