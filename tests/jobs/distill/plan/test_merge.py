"""Merges in the plan: parents, weights and adapters that cannot be merged are refused in words."""

from __future__ import annotations

import pytest

from jobs.distill.errors import RecipeInvalid


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


@pytest.mark.parametrize(("adapter", "words"), [
    ({"type": "lora", "rank": 8, "whole": ["embeddings"]}, "modules trained whole"),
    ({"type": "lora", "rank": 8, "whole": ["embeddings", "norms"], "shift": 16}, "modules trained whole"),
    ({"type": "lora", "rank": 8, "dora": True, "whole": ["norms"]}, "DoRA and modules trained whole"),
    ({"type": "loha", "rank": 8}, "the kind loha"),
])  # fmt: skip
def test_adapters_that_are_no_two_factors_are_not_merged(desk, adapter, words):
    stages = [desk.train("cross-entropy", name="a", rows="labelled"), merge("a", "base")]
    found = desk.one(desk.plan(stages=stages, adapter=adapter).refusals, "MERGE_ADAPTER")
    assert found.field == "student.adapter" and f"this recipe has {words}" in found.message
    mended = desk.plan(stages=stages, adapter=found.fix.value)
    assert "MERGE_ADAPTER" not in desk.codes(mended.refusals), "the fix that is offered helps"


def test_an_adapter_with_modules_trained_whole_may_be_trained_without_a_merge(desk):
    found = desk.plan(
        stages=[desk.train("cross-entropy", rows="labelled")], adapter={"type": "lora", "whole": ["embeddings"]}
    )
    assert "MERGE_ADAPTER" not in desk.codes(found.refusals)


def test_only_lora_has_modules_trained_whole(desk):
    with pytest.raises(RecipeInvalid, match="whole: only for adapters of type lora, not loha"):
        desk.recipe(student={"model": "student", "adapter": {"type": "loha", "whole": ["norms"]}})
