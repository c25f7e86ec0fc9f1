"""What the compiler says about pairs, lists and sets of examples."""

import pytest


def stages(desk, term, source=None, **changes):
    return [desk.train(term, **({"source": {"kind": "pairs", **source}} if source is not None else {}), **changes)]


@pytest.mark.parametrize(
    ("term", "source", "pairs"),
    [
        ("simpo", None, "pairs"),
        ("dpo", {"pairs": "ranked"}, "columns"),
        ("demonstration-ranking", {}, "demonstrations"),
    ],
)
def test_it_refuses_a_term_over_pairs_on_rows_of_another_kind(desk, term, source, pairs):
    problem = desk.one(desk.plan(stages=stages(desk, term, source)).refusals, "PAIRS_MISSING")
    assert problem.fix.value == pairs and problem.field.startswith("stages.0.source")


def test_it_refuses_one_side_of_pairs_there_are_not(desk):
    problem = desk.one(
        desk.plan(stages=stages(desk, {"type": "forward-kl", "rows": "chosen"})).refusals, "SIDE_WITHOUT_PAIRS"
    )
    assert problem.fix.value == "all"


def test_it_refuses_columns_the_data_lacks_and_offers_the_teacher(desk):
    asked = stages(desk, "simpo", {})
    problem = desk.one(desk.plan(rows=desk.data(extras={"domain": 9}), stages=asked).refusals, "PAIRS_NOT_IN_DATA")
    assert "none of the 3,500 rows has a rejected answer" in problem.message
    assert problem.fix.value == "teacher_over_student"
    assert desk.plan(rows=desk.data(extras={"rejected": 3000}), stages=asked).ok
    assert desk.plan(rows=desk.data(), stages=asked).ok  # nobody counted: the run itself will say


@pytest.mark.parametrize(
    "before",
    [
        {"kind": "prefer", "rule": "verified-over-failed", "options": {"check": "exact"}},
        {"kind": "write", "writer": "reasoning-tree", "rows": "labelled"},
    ],
)
def test_pairs_of_an_earlier_stage_need_no_column(desk, before):
    asked, bare = stages(desk, "simpo", {}), desk.data(extras={"domain": 9})
    found = desk.plan(rows=bare, stages=[before, *asked])
    assert not [p for p in found.refusals if p.code == "PAIRS_NOT_IN_DATA"]
    found = desk.plan(rows=bare, stages=[*asked, before])
    assert [p for p in found.refusals if p.code == "PAIRS_NOT_IN_DATA"], "what comes later is too late"


def test_it_refuses_a_group_of_one(desk):
    asked = stages(desk, "simpo", {"pairs": "density_ratio"})
    assert desk.one(desk.plan(stages=asked).refusals, "GROUP_OF_ONE").fix.value == 4


def test_it_refuses_a_density_ratio_of_a_model_with_itself(desk):
    asked = stages(desk, "simpo", {"pairs": "density_ratio", "samples": 4, "weak": {"kind": "model"}})
    assert "reward 0" in desk.one(desk.plan(stages=asked).refusals, "DENSITY_OF_ONE").message


def test_it_refuses_a_density_ratio_without_the_teacher_it_asks(desk):
    asked = stages(desk, "simpo", {"pairs": "density_ratio", "samples": 4})
    found = desk.plan(teacher=None, asked=desk.recipe(teacher=None, stages=asked))
    assert desk.codes(found.refusals) == ["TEACHER_MISSING"]


def test_it_refuses_a_reference_of_another_tokenizer_but_not_the_own_base(desk):
    other = desk.model("teacher", 256, vocab_sha256=desk.OTHER)
    asked = stages(desk, "dpo", {"pairs": "teacher_over_student"})
    assert "VOCABULARY_DIFFERENT" in desk.codes(desk.plan(teacher=other, stages=asked).refusals)
    own = stages(desk, "dpo", {"pairs": "teacher_over_student"}, teaching={"members": [{"kind": "base"}]})
    assert desk.plan(teacher=other, stages=own).ok
    assert desk.plan(teacher=None, asked=desk.recipe(teacher=None, stages=own)).ok


def test_it_refuses_recorded_signals_for_pairs_and_chooses_online_itself(desk):
    asked = stages(desk, "dpo", {}, teacher="recorded")
    assert desk.one(desk.plan(stages=asked).refusals, "RECORDED_PAIRS").fix.value == "online"
    assert desk.plan(stages=stages(desk, "dpo", {})).recipe.stages[0].teacher == "online"


@pytest.mark.parametrize("method", ["distillm-2", "plad", "zephyr-ddpo", "cdr-density-ratio", "bialign"])
def test_it_accepts_the_systems_over_pairs(desk, method):
    found = desk.plan(rows=desk.data(extras={"rejected": 3000}), asked=desk.recipe(method=method))
    assert found.ok, found.refusals
    again = desk.plan(teacher=None, asked=desk.recipe(method=method, teacher=None))
    assert again.ok == (method == "zephyr-ddpo")  # its reference is its own earlier adapter


def test_it_counts_both_answers_of_a_pair_and_the_time_to_write_them(desk):
    alone, paired = desk.plan(stages=stages(desk, "cross-entropy")), desk.plan(stages=stages(desk, "simpo", {}))
    assert paired.stages[0].tokens == 2 * alone.stages[0].tokens
    written = desk.plan(stages=stages(desk, "simpo", {"pairs": "teacher_over_student"})).stages[0]
    scored = desk.plan(stages=stages(desk, "simpo", {"pairs": "density_ratio", "samples": 4})).stages[0]
    assert paired.stages[0].seconds < written.seconds < scored.seconds
