"""Memory, time, choices, words; and that no valid recipe makes the compiler raise."""

import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.distill import recipe as recipes
from jobs.distill.plan.compiler import compile
from jobs.distill.plan.facts import DataFacts, DeviceFacts, Facts, SignalFacts
from jobs.distill.plan.result import Plan

GPU = DeviceFacts(kind="cuda", name="H200", memory_bytes=139 * 2**30, bfloat16=True, flops=5e14)


def choice(plan: Plan, name: str):
    return next(c for c in plan.choices if c.field.endswith(name))


def parts(plan: Plan) -> dict[str, int]:
    return {p.name: p.bytes for p in plan.memory}


def billion(desk, name: str, n: float):
    """A model of n billion parameters, 4,096 wide."""
    made = desk.model(name, 4096, round(n * 4), vocab_rows=150_000, vocab_size=150_000)
    return made.model_copy(update={"parameters": int(n * 1e9), "weight_bytes": int(n * 2e9)})


def test_it_answers_within_20_ms_also_for_20000_rows(desk):
    rows = desk.data(labelled=10_000, unlabelled=10_000)
    desk.plan(rows=rows)
    asked, facts = (
        desk.recipe(),
        Facts(student=desk.model("student"), teacher=desk.model("teacher", 256), data=rows, device=desk.DEVICE),
    )
    best = min(_timed(lambda: compile(asked, facts)) for _ in range(5))
    assert best < 0.05


def _timed(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def test_it_is_light():
    code = "import sys; import jobs.distill.plan.compiler, jobs.distill.catalog; print({'torch', 'transformers', 'tokenizers', 'django', 'numpy'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "set()"
    )


def test_it_spells_the_stages_out_with_the_choices_filled_in(desk):
    found = desk.plan()
    assert [s.kind for s in found.recipe.stages] == ["generate", "train"]
    assert found.recipe.stages[1].teacher == choice(found, "teacher").value == "recorded"
    assert found.recipe.stages[1].micro_batch == choice(found, "micro_batch").value == 32
    assert found.recipe.data.max_length == 512
    assert found.recipe_sha256 == recipes.sha256(desk.recipe())
    assert recipes.parse(recipes.to_dict(found.recipe)) == found.recipe


def test_it_names_every_stage_and_what_it_computes(desk):
    found = desk.plan()
    assert [s.kind for s in found.stages] == ["generate", "record", "train", "control", "evaluate"]
    assert all(s.computes.endswith(".") and s.seconds > 0 for s in found.stages)
    assert found.stages[2].steps == found.stages[3].steps == 282  # 3 epochs x 3,000 rows / 32, rounded up
    assert found.seconds > sum(s.seconds for s in found.stages)
    assert [s.kind for s in desk.plan(method="sft", control=False).stages] == ["train", "evaluate"]


def test_it_counts_adapter_and_optimizer_from_the_layers(desk):
    found = parts(
        desk.plan(adapter={"rank": 8, "alpha": 16, "targets": ["q_proj"]}, method="sft", evaluation={"batch_size": 1})
    )
    assert found["adapter"] == 3 * 8 * (128 + 128) * 4
    assert found["optimizer"] == 3 * found["adapter"]
    assert found["student weights"] == desk.model("student").parameters * 4


def test_it_keeps_two_bytes_a_weight_on_a_gpu_with_bfloat16(desk):
    assert (
        parts(desk.plan(method="sft", device=GPU, evaluation={"batch_size": 1}))["student weights"]
        == desk.model("student").parameters * 2
    )
    assert choice(desk.plan(device=GPU), "student.dtype").value == "bfloat16"
    assert choice(desk.plan(device=GPU.model_copy(update={"bfloat16": False})), "student.dtype").value == "float32"


def test_it_runs_the_teacher_beside_the_student_when_rows_are_seen_once(desk):
    found = desk.plan(stages=[desk.train(rows="labelled", epochs=1, batch_size=512)], device=GPU)
    assert choice(found, "teacher").value == "online" and "about once" in choice(found, "teacher").why
    assert "teacher weights" in parts(found) and "student weights" in parts(found)
    assert "record" not in [s.kind for s in found.stages]


def test_it_uses_what_is_already_recorded(desk):
    found = desk.plan(train={"epochs": 1}, signals=SignalFacts(rows=3000, of=3000, bytes=10**6))
    assert choice(found, "teacher").value == "recorded"
    record = next(s for s in found.stages if s.kind == "record")
    assert record.rows == 0 and "already recorded" in record.computes


def test_it_separates_teacher_and_student_when_both_do_not_fit(desk):
    student, teacher = billion(desk, "student", 7), billion(desk, "teacher", 14)
    found = desk.plan(
        student=student,
        teacher=teacher,
        train={"epochs": 1},
        device=GPU.model_copy(update={"memory_bytes": 40 * 2**30}),
    )
    assert choice(found, "teacher").value == "recorded" and "together would need" in choice(found, "teacher").why
    assert found.ok


def test_it_halves_the_micro_batch_until_it_fits(desk):
    rows = desk.data(prompt=400, answer=100)
    small = GPU.model_copy(update={"memory_bytes": 30 * 2**30})
    evaluation = {"max_new_tokens": 128}
    found = desk.plan(
        student=billion(desk, "student", 7),
        teacher=billion(desk, "teacher", 8),
        rows=rows,
        device=small,
        evaluation=evaluation,
    )
    micro = choice(found, "micro_batch")
    assert micro.value < 32 and "fits into" in micro.why and found.ok
    assert found.memory_bytes <= small.memory_bytes
    assert choice(found, "evaluation.batch_size").value == found.recipe.evaluation.batch_size < 64
    assert found.recipe.stages[0].batch_size < 64


def test_it_refuses_what_does_not_fit_and_offers_what_helps(desk):
    tiny = GPU.model_copy(update={"memory_bytes": 8 * 2**30})
    student, teacher = billion(desk, "student", 7), billion(desk, "teacher", 14)
    problem = desk.one(desk.plan(student=student, teacher=teacher, device=tiny).refusals, "MEMORY_TOO_SMALL")
    assert "teacher weights" in problem.message and "8.0 GiB" in problem.message and problem.field == "teacher.model"
    problem = desk.one(desk.plan(student=student, method="sft", device=tiny).refusals, "MEMORY_TOO_SMALL")
    assert problem.field == "student.model"
    found = desk.plan(
        student=student,
        teacher=student,
        train={"teacher": "online"},
        device=GPU.model_copy(update={"memory_bytes": 24 * 2**30}),
    )
    assert desk.one(found.refusals, "MEMORY_TOO_SMALL").fix.value == "recorded"


def test_it_says_nothing_about_memory_it_does_not_know(desk):
    assert desk.plan(device=DeviceFacts()).ok


def test_it_takes_a_stratified_part_when_a_limit_is_set(desk):
    found = desk.plan(data={"dataset": "bank", "limit": 300})
    assert (found.rows.train, found.rows.labelled, found.rows.unlabelled) == (300, 100, 200)
    assert "2,700 rows beyond the limit" in found.rows.lost_why[0]


def test_it_cuts_micro_batches_of_long_rows_on_cpu(desk):
    found = desk.plan(rows=desk.data(prompt=450), method="sft")
    assert choice(found, "micro_batch").value == 8


numbers = st.integers(0, 10**9)
term = st.builds(
    dict,
    type=st.sampled_from(
        ["cross-entropy", "forward-kl", "reverse-kl", "jsd", "skew-kl", "reverse-skew-kl", "label-mix", "nonsense"]
    ),
    weight=st.floats(0, 1e6),
    temperature=st.floats(0.05, 100),
    t_squared=st.none() | st.booleans(),
    rows=st.sampled_from(["all", "labelled", "unlabelled"]),
    options=st.dictionaries(
        st.sampled_from(["beta", "alpha", "share", "tail", "x"]),
        st.floats(-2, 2) | st.text(max_size=3) | st.booleans(),
        max_size=2,
    ),
)
stage = st.one_of(
    st.builds(
        dict,
        kind=st.just("generate"),
        rows=st.sampled_from(["unlabelled", "all"]),
        max_new_tokens=st.integers(1, 32768),
    ),
    st.builds(
        dict, kind=st.just("record"), top_k=st.integers(1, 4096), temperatures=st.lists(st.floats(0.1, 10), max_size=3)
    ),
    st.builds(
        dict,
        kind=st.just("train"),
        rows=st.sampled_from(["all", "labelled", "unlabelled"]),
        terms=st.lists(term, min_size=1, max_size=3),
        epochs=st.floats(1e-3, 10_000),
        steps=st.none() | st.integers(1, 10**7),
        batch_size=st.integers(1, 65536),
        micro_batch=st.none() | st.integers(1, 65536),
        learning_rate=st.floats(1e-9, 1),
        teacher=st.sampled_from(["auto", "online", "recorded"]),
    ),
)
adapters = st.builds(
    dict,
    rank=st.integers(1, 1024),
    alpha=st.floats(0.1, 8192),
    dropout=st.floats(0, 0.99),
    targets=st.just("all-linear") | st.lists(st.text(max_size=8), max_size=3),
    dora=st.booleans(),
    head=st.booleans(),
)
rows_ = st.builds(
    DataFacts,
    sha256=st.just("0" * 64),
    rows=numbers,
    labelled=numbers,
    unlabelled=numbers,
    train=numbers,
    heldout=numbers,
    longest_answer_chars=numbers,
    prompt_lengths=st.dictionaries(
        st.sampled_from(["a" * 64, "b" * 64]), st.lists(st.integers(0, 10**6), max_size=5), max_size=2
    ),
    answer_lengths=st.dictionaries(
        st.sampled_from(["a" * 64, "b" * 64]), st.lists(st.integers(0, 10**6), max_size=5), max_size=2
    ),
)
devices = st.builds(
    DeviceFacts,
    kind=st.sampled_from(["cpu", "cuda", "tpu"]),
    memory_bytes=st.integers(0, 10**13),
    bfloat16=st.booleans(),
    flops=st.floats(0, 1e16),
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(stages=st.lists(stage, min_size=1, max_size=4), adapter=adapters, rows=rows_, device=devices, limit=st.none() | st.integers(1, 10**9), length=st.none() | st.integers(8, 10**6),
       control=st.booleans(), has_teacher=st.booleans(), signals=st.builds(SignalFacts, rows=numbers, of=numbers))  # fmt: skip
def test_it_never_raises_for_a_valid_recipe(
    desk, stages, adapter, rows, device, limit, length, control, has_teacher, signals
):
    for s in stages:
        if s.get("steps") is None:
            s.pop("steps", None)
    asked = recipes.parse({
        "student": {"model": "s", "adapter": adapter}, "teacher": {"model": "t"} if has_teacher else None,
        "data": {"dataset": "d", "limit": limit, "max_length": length}, "stages": stages, "control": control,
    })  # fmt: skip
    facts = Facts(
        student=desk.model("student"),
        teacher=desk.model("teacher", 256) if has_teacher else None,
        data=rows,
        device=device,
        signals=signals,
    )
    found = compile(asked, facts)
    assert found.memory_bytes >= 0 and found.seconds >= 0 and found.disk_bytes >= 0
    assert found.rows.train >= 0 and found.rows.lost >= 0
    assert all(p.message.endswith((".", "?")) and p.code.isupper() for p in [*found.refusals, *found.warnings])
    assert Plan.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    "method", ["llm-neo", "sft", "word-kd", "seqkd", "distillm-skew", "distillm-skew-reverse", "label-mix", "gkd-jsd"]
)
def test_it_compiles_every_system_of_the_catalogue(desk, method):
    assert desk.plan(method=method).ok
