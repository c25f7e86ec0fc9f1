"""The catalogue: light, complete, and every system expands into a recipe that runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.distill import catalog
from jobs.distill.catalog import tables
from jobs.distill.catalog.parts.selections import METHODS
from jobs.distill.catalog.system import System, load
from jobs.distill.errors import RecipeInvalid
from jobs.distill.recipe import Generate, Recipe, Train, Write, from_yaml, parse, to_yaml

ROOT = Path(__file__).resolve().parents[4]


def recipe(**fields: Any) -> Recipe:
    base = {"teacher": {"model": "big"}, "student": {"model": "small"}, "data": {"file": "rows.jsonl"}}
    return parse({**base, **fields})


def train_stage(r: Recipe) -> Train:
    return next(s for s in r.stages if isinstance(s, Train))


def test_it_imports_without_torch():
    code = "import sys, jobs.distill.catalog as c; c.to_json(); print([m for m in ('torch', 'transformers', 'peft') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("id", catalog.PARTS)
def test_every_term_is_documented(id):
    part = catalog.PARTS[id]
    shown = catalog.part_json(part)
    assert part.id == id
    assert all(shown[field] for field in ("title", "summary", "when_to_use", "formula", "reads"))
    assert part.paper is not None or id == "cross-entropy"
    for name, schema in shown["options"].get("properties", {}).items():
        assert schema.get("title") and len(schema.get("description", "")) > 20, name
        assert "default" in schema and schema["type"] in ("number", "string", "boolean", "integer"), name


@pytest.mark.parametrize("id", catalog.SYSTEMS)
def test_every_system_is_documented(id):
    system = catalog.SYSTEMS[id]
    assert system.id == id
    assert system.question.endswith("?")
    assert system.paper is not None and system.paper.url.startswith("https://")
    assert system.differs, "say what differs from the paper"
    assert all(len(o.help) > 20 and o.title for o in system.options.values())
    assert all(len(d.why) > 20 for d in system.defaults.values())


@pytest.mark.parametrize("id", catalog.SYSTEMS)
def test_every_system_expands_and_survives_a_round_trip(id):
    large = catalog.expand(recipe(method=id))
    assert large.method is None and large.stages
    assert from_yaml(to_yaml(large)) == large
    assert catalog.expand(large) == large


@pytest.mark.parametrize("id", catalog.SYSTEMS)
def test_a_system_s_needs_are_those_of_its_parts(id):
    system = catalog.SYSTEMS[id]
    listed = [inner for s in system.stages for inner in (s["stages"] if s["kind"] == "loop" else [s])]
    stages = [s for s in listed if s["kind"] == "train" and _model_teaches(s)]
    parts = [catalog.PARTS[t["type"]] for s in stages for t in s["terms"]]
    scored = any(s.get("source", {}).get("pairs") == "density_ratio" for s in listed)
    chosen = any("teacher" in METHODS[s["method"]].needs for s in listed if s["kind"] == "select")
    reads_teacher = scored or chosen or any("teacher" in p.needs for p in parts)
    generates = any(
        s["kind"] == "generate" or (s["kind"] == "write" and s.get("by", "teacher") == "teacher") for s in listed
    )
    generates = generates or any(s["kind"] == "prefer" and "rankings" in s["rule"] for s in listed)  # a judge's
    expected = "weights" if reads_teacher else "text" if generates else "none"
    if any(s["kind"] == "train" and not _model_teaches(s) for s in listed):
        assert system.needs.teacher in (expected, "weights")  # asked for all the same, to be compared with
        return
    assert system.needs.teacher == expected
    assert system.needs.same_vocabulary == any("same_vocabulary" in p.needs for p in parts)


def _model_teaches(stage):
    """Not so where the learner's own base, average or earlier adapter is the teacher."""
    return any(m.get("kind", "model") == "model" for m in stage.get("teaching", {}).get("members", [{}]))


def test_every_teacher_system_answers_unlabelled_rows_first():
    for id in catalog.SYSTEMS:
        stages = catalog.expand(recipe(method=id)).stages
        own = any(isinstance(s, Train) and s.source.kind == "student" for s in stages)  # it writes its answers itself
        own = own or any(isinstance(s, Train) and s.supervise == "all" for s in stages)  # raw text has no answers
        own = own or any(
            isinstance(s, Train) and s.learner == "teacher" for s in stages
        )  # it is corrected before it answers
        own = own or any(isinstance(s, Write) for s in stages)  # what is written is said stage by stage
        own = own or catalog.SYSTEMS[id].needs.labels  # unlabelled rows are not used by its first stages
        if catalog.SYSTEMS[id].needs.teacher != "none" and not own:
            assert isinstance(stages[0], Generate)
            assert stages[0].rows == ("all" if id in ("seqkd", "plad", "distillm-2") else "unlabelled")
            assert train_stage(catalog.expand(recipe(method=id))).rows == "all"


def test_llm_neo_weighs_the_two_terms_by_k():
    terms = train_stage(catalog.expand(recipe(method="llm-neo", options={"k": 0.9, "temperature": 2.0}))).terms
    assert [(t.type, t.weight, t.temperature) for t in terms] == [("cross-entropy", 0.1, 1.0), ("forward-kl", 0.9, 2.0)]
    assert terms[1].t_squared is True


@pytest.mark.parametrize("k,left", [(0, "cross-entropy"), (1, "forward-kl")])
def test_a_term_of_weight_zero_costs_nothing(k, left):
    assert [t.type for t in train_stage(catalog.expand(recipe(method="llm-neo", options={"k": k}))).terms] == [left]


def test_training_fields_override_the_system_s_defaults():
    asked = {"steps": 40, "learning_rate": 1e-3, "max_new_tokens": 9, "teacher": "recorded"}
    large = catalog.expand(recipe(method="llm-neo", train=asked))
    stage = train_stage(large)
    assert (stage.steps, stage.epochs, stage.learning_rate, stage.teacher) == (40, None, 1e-3, "recorded")
    assert large.stages[0].max_new_tokens == 9
    assert train_stage(catalog.expand(recipe(method="llm-neo"))).learning_rate == 2e-4


def test_teacher_answers_are_as_long_as_evaluated_ones_by_default():
    assert catalog.expand(recipe(method="seqkd", evaluation={"max_new_tokens": 123})).stages[0].max_new_tokens == 123


@pytest.mark.parametrize(
    "fields,field,words",
    [
        ({"method": "llm-nea"}, "method", "Did you mean llm-neo?"),
        ({"method": "zzz"}, "method", "One of llm-neo"),
        ({"method": "llm-neo", "options": {"kk": 1}}, "options.kk", "unknown option of llm-neo; its options: k, "),
        ({"method": "sft", "options": {"k": 1}}, "options.k", "it has none"),
        ({"method": "llm-neo", "options": {"k": 1.5}}, "options.k", "between 0 and 1"),
        ({"method": "llm-neo", "options": {"k": "much"}}, "options.k", "a number is needed"),
        ({"method": "llm-neo", "options": {"t_squared": 3}}, "options.t_squared", "true or false"),
    ],
)
def test_wrong_small_forms_are_refused_by_name(fields, field, words):
    with pytest.raises(RecipeInvalid, match="") as e:
        catalog.expand(recipe(**fields))
    assert e.value.field == field and words in e.value.message


@pytest.mark.parametrize(
    "term,field,words",
    [
        ({"type": "forward-lk"}, "type", "Did you mean forward-kl?"),
        ({"type": "jsd", "options": {"betta": 1}}, "options.betta", "its options: "),
        ({"type": "jsd", "options": {"beta": 2}}, "options.beta", "less than or equal to 1"),
        ({"type": "reverse-kl", "options": {"tail": "zero"}}, "options", "use tail: bucket"),
        ({"type": "forward-kl", "temperature": 2.0}, "t_squared", "say whether the term is multiplied by T squared"),
    ],
)
def test_wrong_terms_are_refused_by_name(term, field, words):
    with pytest.raises(RecipeInvalid) as e:
        catalog.expand(recipe(stages=[{"kind": "train", "steps": 1, "terms": [{"type": "cross-entropy"}, term]}]))
    assert e.value.field == f"stages.0.terms.1.{field}" and words in e.value.message


def test_training_fields_beside_spelled_out_stages_are_refused():
    stages = [{"kind": "train", "steps": 1, "terms": [{"type": "cross-entropy"}]}]
    with pytest.raises(RecipeInvalid, match="train.steps: this recipe spells its stages out"):
        catalog.expand(recipe(stages=stages, train={"steps": 5}))


def test_the_json_is_complete_and_plain():
    shown = json.loads(json.dumps(catalog.to_json()))
    assert [s["id"] for s in shown["systems"]] == list(catalog.SYSTEMS)
    assert [p["id"] for p in shown["parts"]][: len(catalog.PARTS)] == list(catalog.PARTS)
    neo = shown["systems"][0]
    assert neo["needs"] == ["teacher:weights", "same_vocabulary"]
    assert neo["parts"] == ["cross-entropy", "forward-kl"]
    assert neo["options"]["properties"]["k"] == {
        "type": "number", "title": "Share of distillation k", "default": 0.5, "minimum": 0.0, "maximum": 1.0,
        "description": "0 is plain fine-tuning on the answers, 1 is the teacher's distribution alone.",
    }  # fmt: skip


BROKEN = {
    "id": "x", "title": "X", "question": "X?", "summary": "x", "when_to_use": "x", "formula": "x",
    "stages": [{"kind": "train", "terms": [{"type": "cross-entropy", "weight": "= w"}]}],
}  # fmt: skip


def test_a_system_that_uses_an_unknown_option_is_refused():
    with pytest.raises(ValueError, match="stages use w, which is no option"):
        System.model_validate(BROKEN)


def test_a_system_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "bad.yaml").write_text("id: [")
    with pytest.raises(ValueError, match="system file bad.yaml"):
        load(tmp_path / "bad.yaml")


@pytest.mark.parametrize("formula", [x.formula for x in (*catalog.PARTS.values(), *catalog.SYSTEMS.values())])
def test_every_formula_can_be_shown(formula):
    """The help pages turn LaTeX into MathML; a command the converter does not know stays in the text with its backslash."""
    from latex2mathml.converter import convert

    shown = convert(formula)
    assert shown.startswith("<math") and "\\" not in shown


def test_the_picker_starts_with_the_default_and_the_control_and_lists_every_file() -> None:
    files = {p.stem for p in (Path(tables.__file__).parent / "systems").glob("*.yaml")}
    assert list(tables.SYSTEMS)[:2] == ["llm-neo", "sft"]
    assert files <= set(tables.SYSTEMS)
