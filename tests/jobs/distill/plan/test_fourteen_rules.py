"""The fourteen rules of the compiler, each a defect some engine ships: the recipe that breaks it, and what is said.

Rules 11 (the output layer is probed), 12 (the pull of the terms) and 13 (dead parameters) need the models themselves; their
engine tests are here too, on the tiny pair.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from jobs.distill import recipe as recipes
from jobs.distill.balance import imbalance
from jobs.distill.batches import Limits
from jobs.distill.catalog import objective
from jobs.distill.checkpoint import Checkpoints
from jobs.distill.errors import ModelRejected, PlanRefused, RecipeInvalid
from jobs.distill.events import Events, read
from jobs.distill.output_layer import Head, probe
from jobs.distill.recipe import Adapter, Term, Train
from jobs.distill.rows import Renderer, Row
from jobs.distill.sources.fixed import FixedRows
from jobs.distill.students.lora import attach
from jobs.distill.teachers.local import LocalTeacher
from jobs.distill.train import Arm, Loop
from jobs.distill.train import Term as Bound
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny

SELF = {"members": [{"kind": "base", "name": "base"}]}
OWN = {"kind": "student"}
FORWARD_AT_2 = {"type": "forward-kl", "temperature": 2.0, "t_squared": True}

# number, what breaks it, code, words of both sides, value of the fix (None: there is none)
BROKEN: list[tuple[int, dict[str, Any], str, tuple[str, ...], Any]] = [
    (1, {"terms": [{"type": "reverse-kl", "options": {"tail": "zero"}}]}, "OPTION_INVALID", ("zero", "bucket"), None),
    (1, {"terms": [{"type": "forward-kl", "options": {"tail": "sampled"}}]}, "TAIL_NOT_RECORDED", ("sampled", "top k"), "bucket"),
    (2, {"terms": [FORWARD_AT_2], "record": [1.0]}, "TEMPERATURE_NOT_RECORDED", ("temperature 2", "for 1 only"), [1.0, 2.0]),
    (2, {"terms": [{"type": "forward-kl", "t_squared": True, "schedule": {"temperature": {"start": 1, "end": 4}}}]},
     "TEMPERATURE_NOT_RECORDED", ("moves", "recorded for"), "online"),
    (3, {"terms": ["forward-kl"], "other_words": True}, "VOCABULARY_DIFFERENT", ("different tokenizers", "Forward KL"), "alm"),
    (5, {"terms": ["forward-kl"], "teaching": SELF}, "SELF_TEACHER_IDENTICAL", ("learner itself", "gradient are 0"), True),
    (6, {"terms": [{"type": "kl-estimate", "options": {"estimator": "k1"}}], "source": OWN}, "OPTION_INVALID", ("k1",), None),
    (7, {"terms": ["policy-gradient"]}, "POLICY_OFF_POLICY", ("the student wrote", "rows of the data"), "student"),
    (7, {"terms": ["minillm"]}, "POLICY_OFF_POLICY", ("the student wrote", "rows of the data"), "student"),
    (9, {"terms": ["forward-kl"], "adapter": {"targets": ["q_proj", "lm_head"]}}, "TARGETS_HEAD", ("lm_head", "effective weight"),
     {"head": True, "targets": ["q_proj"]}),
    (14, {"terms": [{"type": "forward-kl", "temperature": 2.0}]}, "T_SQUARED_UNSTATED", ("temperature 2", "T squared = 4"), True),
    (14, {"terms": [{"type": "forward-kl", "schedule": {"temperature": {"start": 1, "end": 4}}}], "teacher": "online"},
     "T_SQUARED_UNSTATED", ("moves", "T squared"), True),
]  # fmt: skip


def broken(desk: Any, terms: list[Any], **changes: Any) -> Any:
    more: dict[str, Any] = {}
    if changes.pop("other_words", False):
        more["teacher"] = desk.model("teacher", 256, 4, vocab_sha256=desk.OTHER)
    more |= {"adapter": changes.pop("adapter")} if "adapter" in changes else {}
    recorded = changes.pop("record", None)
    before = [{"kind": "record", "temperatures": recorded}] if recorded else []
    return desk.plan(stages=[*before, desk.train(*terms, **changes)], **more)


@pytest.mark.parametrize(("number", "changes", "code", "words", "mended"), BROKEN)
def test_a_broken_rule_is_refused_with_both_sides_and_the_fix(
    desk: Any, number: int, changes: dict[str, Any], code: str, words: tuple[str, ...], mended: Any
) -> None:
    found = desk.one(broken(desk, **changes).refusals, code)
    assert all(w in found.message for w in words), found.message
    assert (found.fix.value if found.fix else None) == mended


def test_rule_3_cuts_both_models_to_the_ids_they_share(desk: Any) -> None:
    plan = desk.plan(teacher=desk.model("teacher", 256, 4, vocab_rows=4224))
    assert plan.ok
    assert any("4,224" in i.text and "cut to the shared 4,096" in i.text for i in plan.verdict.items)


def test_rule_4_a_teacher_behind_an_interface_is_no_teacher_of_this_schema() -> None:
    wrong = {
        "method": "llm-neo",
        "teacher": {"model": "t", "api": "text"},
        "student": {"model": "s"},
        "data": {"dataset": "d"},
    }
    with pytest.raises(RecipeInvalid, match=r"teacher\.api: unknown field"):
        recipes.parse(wrong)


def test_rule_6_k3_is_called_what_it_is(desk: Any) -> None:
    term = {"type": "kl-estimate", "options": {"estimator": "k3"}}
    found = desk.one(broken(desk, [term], source=OWN).warnings, "K3_AS_LOSS")
    assert "gradient of forward KL, not of reverse KL" in found.message
    assert found.fix.value == "k2"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"special": {"<|end|>": 1, "<|tool|>": 9}}, "Marked as special in one model only: <|tool|>"),
        ({"eos_ids": [7]}, "The student ends answers with id 1, the teacher with 7"),
        ({"template_sha256": "e" * 64}, "The chat templates differ"),
        ({"adds_bos": True}, "The teacher puts a beginning-of-text token first, the student does not"),
    ],
)
def test_rule_8_control_tokens_of_both_are_compared(desk: Any, changes: dict[str, Any], words: str) -> None:
    plan = desk.plan(teacher=desk.model("teacher", 256, 4, **changes))
    assert [i for i in plan.verdict.items if words in i.text and i.state in ("note", "warning")]


def test_rule_9_adapters_that_write_into_the_prompt_are_refused_by_name() -> None:
    with pytest.raises(RecipeInvalid, match="prefix_tuning puts trained tokens before the prompt"):
        recipes.parse({
            "method": "sft", "student": {"model": "s", "adapter": {"type": "prefix_tuning"}}, "data": {"dataset": "d"},
        })  # fmt: skip


def test_rule_10_dropout_beside_a_divergence(desk: Any) -> None:
    found = desk.one(desk.plan(adapter={"dropout": 0.1}).warnings, "DROPOUT_WITH_DIVERGENCE")
    assert "Dropout 0.1" in found.message and "divergence" in found.message
    assert found.fix.value == 0.0


# -- what only the models show ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.set_num_threads(1)
    top = tmp_path_factory.mktemp("models")
    return {"teacher": tiny.model(top / "teacher", 1, 48), "student": tiny.model(top / "student", 2, 32)}


def loop(
    folders: dict[str, Path], place: Path, terms: list[Term], teacher: Any = None, batch: int = 8
) -> tuple[Loop, Events]:
    cpu = torch.device("cpu")
    events = Events(place)
    model = attach(load_model(folders["student"], torch.float32, cpu), Adapter(rank=4, alpha=8), 0, events, list)
    renderer = Renderer(tiny.tokenizer(), [1])
    rows = [
        renderer.example(Row(r["row_id"], tuple(r["messages"]), r["answer"], "train", 0, True))
        for r in tiny.rows(8, 0, 0)
    ]
    stage = Train(terms=terms, steps=2, batch_size=batch, learning_rate=0.01)
    bound = [Bound(objective(t), t.weight, t.rows) for t in terms]
    arm = Arm("student", "train", stage, 2, bound, FixedRows(rows, batch, 0), Limits(8), 0, teacher, vocab=261)
    return Loop(model, arm, Checkpoints(place, "student", "x", [], events), events), events


def alarms(place: Path) -> list[dict[str, Any]]:
    return [e for e in read(place / "events.jsonl") if e["type"] == "alarm"]


def test_rule_11_a_model_that_scales_its_logits_unknown_to_us_is_refused(folders: dict[str, Path]) -> None:
    model = load_model(folders["student"], torch.float32, torch.device("cpu"))
    assert probe(model, Head.of(model)) < 1e-4
    model.lm_head.register_forward_hook(lambda module, given, out: out * 1.5)
    with pytest.raises(ModelRejected, match="differ by .* from hidden states times output layer"):
        probe(model, Head.of(model))


@pytest.mark.parametrize(("weight", "said"), [(1.0, False), (1e-5, True)])
def test_rule_12_a_term_lost_beside_another_is_said_at_the_first_step(
    folders: dict[str, Path], tmp_path: Path, weight: float, said: bool
) -> None:
    teacher = LocalTeacher(load_model(folders["teacher"], torch.float32, torch.device("cpu")), 261)
    made, events = loop(
        folders, tmp_path, [Term(type="cross-entropy"), Term(type="forward-kl", weight=weight)], teacher
    )
    made.resume()
    made.one_step()
    made.one_step()
    events.close()
    first, second = (e["values"] for e in read(tmp_path / "events.jsonl") if e["type"] == "metric")
    assert first["grad_norm.cross-entropy"] > 0 and first["grad_norm.forward-kl"] > 0
    assert "grad_norm.forward-kl" not in second
    assert [a["code"] for a in alarms(tmp_path)] == (["TERMS_UNEQUAL"] if said else [])
    assert not said or "times less. Raise the weight of forward-kl" in alarms(tmp_path)[0]["message"]


def test_rule_12_the_gradients_of_the_terms_are_those_of_terms_alone(folders: dict[str, Path], tmp_path: Path) -> None:
    both, first = loop(folders, tmp_path, [Term(type="cross-entropy"), Term(type="z-loss", weight=0.5)], batch=1)
    both.resume()
    both.one_step()
    first.close()
    (tmp_path / "alone").mkdir()
    alone, second = loop(folders, tmp_path / "alone", [Term(type="cross-entropy")], batch=1)
    alone.resume()
    alone.one_step()
    second.close()
    norm = next(e for e in read(tmp_path / "alone" / "events.jsonl") if e["type"] == "metric")["values"]["grad_norm"]
    assert both.norms["cross-entropy"] == pytest.approx(norm, rel=1e-5)


def test_rule_12_a_term_without_gradient_is_named() -> None:
    assert "a has no gradient" in (imbalance({"a": 0.0, "b": 1.0}) or "")
    assert imbalance({"a": 1.0, "b": 99.0}) is None
    assert imbalance({"a": 0.0}) is None


def test_rule_12_a_negative_divergence_is_an_alarm(folders: dict[str, Path], tmp_path: Path) -> None:
    teacher = LocalTeacher(load_model(folders["teacher"], torch.float32, torch.device("cpu")), 261)
    made, events = loop(folders, tmp_path, [Term(type="forward-kl")], teacher)
    made.resume()
    made._tell(0, {"loss": -2e-4, "loss.forward-kl": -2e-4}, 1, 1.0)
    made._tell(1, {"loss": -5e-5, "loss.forward-kl": -5e-5}, 1, 1.0)
    events.close()
    assert [(a["code"], a["step"]) for a in alarms(tmp_path)] == [("NEGATIVE_DIVERGENCE", 1)]


def test_rule_13_a_trainable_tensor_without_gradient_stops_the_run(folders: dict[str, Path], tmp_path: Path) -> None:
    made, events = loop(folders, tmp_path, [Term(type="cross-entropy")])
    made.resume()
    spare = torch.nn.Parameter(torch.zeros(3))
    made.parameters["spare"] = spare
    made.masters.live.append(spare)
    made.masters.full.append(spare)
    with pytest.raises(PlanRefused, match="1 trainable tensors get no gradient, spare among them"):
        made.one_step()
    events.close()


# -- settings that nothing reads ----------------------------------------------------------------------------------------

UNREAD: list[tuple[dict[str, Any], str, str]] = [
    ({"source": {"kind": "fixed", "reward": "exact_match"}}, "SETTING_UNUSED", "rows of 'train' come from fixed"),
    ({"source": {"kind": "student", "fresh": 0.5}}, "SETTING_UNUSED", "a replay buffer"),
    ({"source": {"kind": "student", "share": 0.2}}, "SETTING_UNUSED", "rows of kind mixed"),
    ({"chunks": 7}, "SETTING_UNUSED", "'train' learns answer"),
    ({"watch": {"keep": "best"}}, "SETTING_UNUSED", "looks at nothing while it trains"),
    ({"teaching": {"ema_decay": 0.5}}, "SETTING_UNUSED", "no teacher is a moving average"),
    ({"teaching": {"members": [{"domains": ["law"]}]}}, "SETTING_UNUSED", "one teacher answers for every row"),
    ({"terms": ["cross-entropy"], "teaching": {"privileged": True}}, "SETTING_UNUSED", "no term of 'train' asks a teacher"),
    ({"terms": [{"type": "forward-kl", "rows": "rollout"}]}, "TERM_WITHOUT_ROWS", "it would never act"),
    ({"terms": [{"type": "forward-kl", "rows": "unlabelled"}], "rows": "labelled"}, "TERM_WITHOUT_ROWS", "labelled rows only"),
    ({"terms": [{"type": "dpo", "rows": "chosen"}], "source": {"kind": "pairs"}}, "ROWS_OF_SEQUENCES", "both sides of a pair"),
    ({"terms": [{"type": "forward-kl", "schedule": {"alpha": {}}}]}, "CURVE_UNKNOWN", "no 'alpha' that could move"),
    ({"terms": [{"type": "skew-kl", "schedule": {"alpha": {"end": 3}}}]}, "OPTION_INVALID", "reaches 3"),
    ({"terms": [{"type": "forward-kl", "schedule": {"weight": {"type": "adaptive"}}}]}, "ADAPTIVE_UNWATCHED", "nothing is watched"),
    ({"start": "earlier"}, "STAGE_UNKNOWN", "'train' builds on the adapter of 'earlier'"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "code", "words"), UNREAD)
def test_a_setting_nothing_reads_is_refused(desk: Any, changes: dict[str, Any], code: str, words: str) -> None:
    found = [p for p in broken(desk, **({"terms": ["forward-kl"]} | changes)).refusals if p.code == code]
    assert found and words in found[0].message, found


def test_options_of_the_small_form_that_a_method_does_not_take_are_named(desk: Any) -> None:
    found = desk.one(desk.plan(method="sft", train={"max_new_tokens": 9}).warnings, "TRAIN_OPTION_UNUSED")
    assert "writes no answers" in found.message


def test_memory_names_what_rows_and_helpers_bring(desk: Any) -> None:
    own = {"kind": "student", "replay": 1000}
    plan = desk.plan(stages=[desk.train("forward-kl", source=own)], evaluation={"batch_size": 1})
    found = {p.name: p.bytes for p in plan.memory}
    assert (
        found["rollout cache"] == 32 * (20 + 64) * 3 * 2 * 128 * 4
    )  # rows, tokens, layers, keys and values, width, float32
    assert found["replay"] > 1000 * 64 * 12
    assert {"student weights", "teacher weights", "adapter", "optimizer", "activations", "head chunk"} <= set(found)


@pytest.mark.parametrize("term", ["dskd", "dskd-cma", "hidden", "task-aware-layers"])
def test_helper_modules_are_counted_as_they_are_made(desk: Any, term: str) -> None:
    from jobs.distill.catalog import PARTS
    from jobs.distill.objectives.states import ModelShape
    from jobs.distill.plan.case import Case
    from jobs.distill.plan.facts import Facts
    from jobs.distill.plan.room import helper_parameters

    made = PARTS[term]().module(ModelShape(3, 128, 4, 4096), ModelShape(4, 256, 4, 4096), PARTS[term].Options())
    facts = Facts(student=desk.model("student"), teacher=desk.model("teacher", 256, 4), data=desk.data())
    asked = desk.recipe(stages=[desk.train(term)])
    case = Case(asked, asked, facts, PARTS)
    assert helper_parameters(case, case.trains[0][1], facts.student) == sum(p.numel() for p in made.parameters()) > 0
