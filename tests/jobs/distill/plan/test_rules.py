"""One short test a rule: what it says, which field it names, what its fix sets."""

import pytest

from jobs.distill import recipe as recipes


def test_it_accepts_a_good_pair(plan):
    found = plan()
    assert found.ok and found.refusals == [] and found.warnings == []


# models


def test_it_refuses_different_vocabularies_and_says_what_remains(desk):
    found = desk.plan(teacher=desk.model("teacher", vocab_sha256=desk.OTHER))
    problem = desk.one(found.refusals, "VOCABULARY_DIFFERENT")
    assert (
        "Forward KL" in problem.message
        and "Sequence-level distillation" in problem.message
        and "Plain fine-tuning" in problem.message
    )
    assert "Approximate likelihood matching" in problem.message and "Hybrid logit distillation" in problem.message
    assert (problem.fix.field, problem.fix.value) == ("method", "alm")
    assert found.verdict.same_vocabulary is False


@pytest.mark.parametrize("method", ["seqkd", "sft"])
def test_it_lets_text_methods_cross_vocabularies(desk, method):
    assert desk.plan(teacher=desk.model("teacher", 256, vocab_sha256=desk.OTHER), method=method).ok


def test_it_refuses_a_method_that_needs_the_teacher_nobody_chose(desk):
    found = desk.plan(teacher=None, asked=desk.recipe(teacher=None))
    assert desk.one(found.refusals, "TEACHER_MISSING").field == "teacher"
    assert desk.plan(teacher=None, asked=desk.recipe(teacher=None, method="sft")).ok


def test_it_refuses_a_teacher_that_is_the_student(desk):
    same = desk.model("student")
    found = desk.plan(teacher=same, student=same, stages=[desk.train("forward-kl", rows="labelled")])
    assert "same model" in desk.one(found.refusals, "TEACHER_IS_STUDENT").message
    assert desk.codes(desk.plan(teacher=same, student=same).warnings) == ["TEACHER_IS_STUDENT"]


def test_it_warns_of_a_smaller_teacher(desk):
    found = desk.plan(teacher=desk.model("teacher", 64, 2))
    assert "swapped" in desk.one(found.warnings, "TEACHER_SMALLER").message


def test_it_refuses_a_student_without_an_end(desk):
    assert desk.codes(desk.plan(student=desk.model("student", eos_ids=[])).refusals) == ["STUDENT_NEVER_ENDS"]


# data


def test_it_refuses_rows_longer_than_the_shorter_context(desk):
    found = desk.plan(teacher=desk.model("teacher", 256, context=256), data={"dataset": "bank", "max_length": 400})
    problem = desk.one(found.refusals, "LENGTH_OVER_CONTEXT")
    assert "400" in problem.message and "teacher" in problem.message and problem.fix.value == 256


def test_it_ignores_the_context_of_a_teacher_that_is_not_used(desk):
    assert desk.plan(
        teacher=desk.model("teacher", 256, context=64), method="sft", data={"dataset": "bank", "max_length": 400}
    ).ok


def test_it_refuses_when_every_row_is_too_long_and_says_how_many(desk):
    found = desk.plan(rows=desk.data(prompt=600))
    problem = desk.one(found.refusals, "NO_USABLE_ROWS")
    assert "3,000 training rows" in problem.message and "512" in problem.message and "600" in problem.message
    assert (problem.fix.field, problem.fix.value) == ("data.too_long", "truncate")


def test_it_counts_rows_that_are_too_long_and_what_happens_to_them(desk):
    rows = desk.data()
    lengths = [600] * 350 + [20] * 3150
    rows = rows.model_copy(update={"prompt_lengths": dict.fromkeys(rows.prompt_lengths, lengths)})
    dropped = desk.plan(rows=rows)
    assert (
        "300 rows longer than 512 tokens are left out; 2,700 remain"
        in desk.one(dropped.warnings, "ROWS_TOO_LONG").message
    )
    assert dropped.rows.lost == 300 and "300 rows longer" in dropped.rows.lost_why[0]
    cut = desk.plan(rows=rows, data={"dataset": "bank", "too_long": "truncate"})
    assert "answer is kept" in desk.one(cut.warnings, "ROWS_CUT").message
    assert cut.rows.train == 3000


def test_it_leaves_out_answers_that_alone_are_too_long_even_when_cutting(desk):
    found = desk.plan(
        rows=desk.data(answer=600, unlabelled=0, labelled=3500), data={"dataset": "bank", "too_long": "truncate"}
    )
    assert desk.one(found.refusals, "NO_USABLE_ROWS").fix is None


def test_it_refuses_plain_fine_tuning_without_labels(desk):
    found = desk.plan(method="sft", rows=desk.data(labelled=500, heldout=500))
    problem = desk.one(found.refusals, "NO_LABELLED_ROWS")
    assert "2,000 training rows" in problem.message and problem.fix.value == "seqkd"


def test_it_refuses_a_control_arm_without_labels(desk):
    found = desk.plan(rows=desk.data(labelled=500, heldout=500))
    problem = desk.one(found.refusals, "NO_CONTROL_ROWS")
    assert (problem.fix.field, problem.fix.value) == ("control", False)
    assert desk.plan(rows=desk.data(labelled=500, heldout=500), control=False).ok


def test_it_refuses_labelled_terms_without_labels(desk):
    stages = [desk.GENERATE, desk.train({"type": "cross-entropy", "rows": "labelled"}, "forward-kl")]
    found = desk.plan(rows=desk.data(labelled=500, heldout=500), stages=stages, control=False)
    assert desk.one(found.refusals, "NO_LABELLED_ROWS").field == "stages.1.terms.0.rows"


def test_it_refuses_an_unlabelled_stage_without_such_rows(desk):
    found = desk.plan(rows=desk.data(unlabelled=0), stages=[desk.GENERATE, desk.train(rows="unlabelled")])
    assert desk.one(found.refusals, "NO_UNLABELLED_ROWS").fix.value == "all"


def test_it_warns_that_unlabelled_rows_are_not_used(desk):
    found = desk.plan(method="sft")
    assert "2,000 rows without an answer are not used" in desk.one(found.warnings, "ROWS_UNUSED").message
    assert found.rows.lost == 2000 and found.rows.train == 1000


def test_it_refuses_data_without_heldout_rows_and_warns_of_few(desk):
    assert "scored" in desk.one(desk.plan(rows=desk.data(heldout=0)).refusals, "NO_HELDOUT_ROWS").message
    assert "20 rows" in desk.one(desk.plan(rows=desk.data(heldout=20)).warnings, "FEW_HELDOUT_ROWS").message


def test_it_refuses_an_empty_dataset(desk):
    assert "NO_USABLE_ROWS" in desk.codes(desk.plan(rows=desk.data(0, 0, 0)).refusals)


def test_it_warns_when_answers_are_longer_than_what_may_be_written(desk):
    found = desk.plan(rows=desk.data(answer=90))
    assert desk.one(found.warnings, "ANSWERS_CUT_IN_SCORE").fix.value == 90
    assert desk.one(found.warnings, "ANSWERS_CUT").field == "train.max_new_tokens"


# objective


def test_it_asks_for_t_squared(desk):
    found = desk.plan(stages=[desk.GENERATE, desk.train({"type": "forward-kl", "temperature": 2.0})])
    problem = desk.one(found.refusals, "T_SQUARED_UNSTATED")
    assert problem.field == "stages.1.terms.0.t_squared" and "4 times" in problem.message
    assert desk.plan(
        stages=[desk.GENERATE, desk.train({"type": "forward-kl", "temperature": 2.0, "t_squared": False})]
    ).ok


def test_it_refuses_a_temperature_that_was_not_recorded(desk):
    stages = [
        desk.GENERATE,
        {"kind": "record"},
        desk.train({"type": "forward-kl", "temperature": 2.0, "t_squared": True}),
    ]
    problem = desk.one(desk.plan(stages=stages).refusals, "TEMPERATURE_NOT_RECORDED")
    assert problem.field == "stages.1.temperatures" and problem.fix.value == [1.0, 2.0]


def test_it_guesses_a_misspelt_term(desk):
    problem = desk.one(desk.plan(stages=[desk.GENERATE, desk.train("forward_kl")]).refusals, "TERM_UNKNOWN")
    assert problem.fix.value == "forward-kl"


def test_it_refuses_wrong_options_of_a_term(desk):
    stages = [
        desk.GENERATE,
        desk.train(
            {"type": "jsd", "options": {"beta": 2}},
            {"type": "jsd", "options": {"gamma": 1}},
            {"type": "reverse-kl", "options": {"tail": "renorm"}},
            "forward-kl",
        ),
    ]
    found = desk.plan(stages=stages)
    assert desk.codes(found.refusals) == ["OPTION_INVALID"] * 3
    assert "bucket" in found.refusals[2].message


def test_it_refuses_an_objective_of_weight_zero(desk):
    assert desk.codes(desk.plan(stages=[desk.train({"type": "cross-entropy", "weight": 0})]).refusals) == [
        "WEIGHTS_ZERO"
    ]


def test_it_refuses_a_recipe_that_trains_nothing(desk):
    assert desk.codes(desk.plan(stages=[desk.GENERATE]).refusals) == ["NO_TRAINING"]


def test_it_warns_of_dropout_with_a_divergence_only(desk):
    assert desk.one(desk.plan(adapter={"dropout": 0.1}).warnings, "DROPOUT_WITH_DIVERGENCE").fix.value == 0.0
    assert "DROPOUT_WITH_DIVERGENCE" not in desk.codes(desk.plan(method="sft", adapter={"dropout": 0.1}).warnings)


@pytest.mark.parametrize("term", ["reverse-kl", "reverse-skew-kl", {"type": "jsd", "options": {"beta": 0.9}}])
def test_it_warns_of_mode_seeking_from_a_cold_student(desk, term):
    assert "COLD_START" in desk.codes(desk.plan(stages=[desk.GENERATE, desk.train(term)]).warnings)
    assert "COLD_START" not in desk.codes(
        desk.plan(stages=[desk.GENERATE, desk.train("forward-kl"), desk.train(term)]).warnings
    )
    assert "COLD_START" not in desk.codes(desk.plan(stages=[desk.GENERATE, desk.train(term, "cross-entropy")]).warnings)


# adapter


def test_it_refuses_a_rank_larger_than_a_layer(desk):
    problem = desk.one(desk.plan(adapter={"rank": 512, "alpha": 1024}).refusals, "RANK_TOO_LARGE")
    assert "512" in problem.message and "128 x 128" in problem.message and "q_proj" in problem.message
    assert (problem.fix.field, problem.fix.value) == ("student.adapter.rank", 128)


def test_it_looks_only_at_the_layers_that_are_adapted(desk):
    narrow = desk.model("student")
    narrow = narrow.model_copy(
        update={"linears": [m.model_copy(update={"outputs": 32}) if m.name == "k_proj" else m for m in narrow.linears]}
    )
    assert (
        "k_proj"
        in desk.one(desk.plan(student=narrow, adapter={"rank": 64, "alpha": 64}).refusals, "RANK_TOO_LARGE").message
    )
    assert desk.plan(student=narrow, adapter={"rank": 64, "alpha": 64, "targets": ["q_proj"]}).ok


def test_it_warns_of_a_rank_above_half_the_layer_and_of_a_large_alpha(desk):
    assert "RANK_LARGE" in desk.codes(desk.plan(adapter={"rank": 100, "alpha": 200}).warnings)
    assert desk.one(desk.plan(adapter={"rank": 4, "alpha": 128}).warnings, "ALPHA_LARGE").fix.value == 8.0


def test_it_lists_the_layers_when_a_target_is_unknown(desk):
    problem = desk.one(desk.plan(adapter={"targets": ["q_prj", "([a-z0-9_]+[._]?)*!"]}).refusals, "TARGETS_UNKNOWN")
    assert "down_proj" in problem.message and "Did you mean q_proj?" in problem.message
    assert problem.fix.value == "all-linear"
    assert "TARGETS_EMPTY" in desk.codes(desk.plan(adapter={"targets": []}).refusals)


# training


def test_it_refuses_more_steps_than_anyone_waits_for(desk):
    problem = desk.one(
        desk.plan(rows=desk.data(unlabelled=2_000_000), train={"epochs": 10_000}).refusals, "TOO_MANY_STEPS"
    )
    assert "10,000,000" in problem.message and problem.field == "train.epochs"


def test_it_refuses_a_warmup_longer_than_training(desk):
    problem = desk.one(desk.plan(train={"epochs": 1, "schedule": {"warmup": 5000}}).refusals, "WARMUP_TOO_LONG")
    assert "5,000" in problem.message and "94" in problem.message and problem.fix.value["warmup"] == 9


def test_it_warns_of_rates_that_fail_late_or_barely_move(desk):
    assert (
        desk.one(desk.plan(train={"learning_rate": 1e-2}).warnings, "LEARNING_RATE_HIGH").field == "train.learning_rate"
    )
    assert desk.one(desk.plan(train={"learning_rate": 1e-6}).warnings, "LEARNING_RATE_LOW").fix.value == 2e-4
    large = desk.model("student", parameters=500_000_000)
    assert "LEARNING_RATE_HIGH" in desk.codes(
        desk.plan(
            student=large, teacher=desk.model("teacher", parameters=10**9), train={"learning_rate": 2e-3}
        ).warnings
    )


def test_it_warns_of_too_few_steps_and_too_many_passes(desk):
    assert "FEW_STEPS" in desk.codes(desk.plan(train={"steps": 5}).warnings)
    assert "MANY_PASSES" in desk.codes(desk.plan(train={"steps": 50_000}).warnings)


# the recipe itself


def test_it_turns_an_unknown_method_into_a_refusal(desk):
    found = desk.plan(method="llm-nео")
    assert desk.codes(found.refusals) == ["SPEC_INVALID"] and found.refusals[0].field == "method"
    assert found.verdict is not None


def test_it_names_the_fields_of_the_form_that_was_used(desk):
    found = desk.plan(asked=recipes.parse(recipes.to_dict(desk.recipe()) | {"train": {"learning_rate": 0.5}}))
    assert desk.one(found.warnings, "LEARNING_RATE_HIGH").field == "train.learning_rate"
    found = desk.plan(stages=[desk.GENERATE, desk.train(learning_rate=0.5)])
    assert desk.one(found.warnings, "LEARNING_RATE_HIGH").field == "stages.1.learning_rate"
