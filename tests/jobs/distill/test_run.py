"""Whole runs on tiny models, through the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from jobs.distill.events import TYPES, read
from tests.jobs.distill import tiny
from tests.jobs.distill.forking import Forker


@pytest.fixture(scope="module")
def done(engine: Forker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny.run_folder(tmp_path_factory.mktemp("done") / "run")
    assert engine.run("distill", str(folder)) == 0
    return folder


def report(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


def said(folder: Path, type: str) -> list[dict]:
    return [e for e in read(folder / "events.jsonl") if e["type"] == type]


def test_its_report_has_what_the_page_shows(done: Path) -> None:
    found = report(done)
    assert list(found["scores"]) == ["base", "control", "student", "teacher"]
    for score in found["scores"].values():
        assert score["low"] <= score["value"] <= score["high"] and score["n"] == 8
    for name in ("gap_closed", "control_gap_closed", "student_minus_control"):
        assert {"value", "low", "high"} <= set(found[name])
    assert found["metric"] == "exact_match" and found["rows"]["train"] == 24 and found["rows"]["unlabelled"] == 12
    assert set(found["seconds"]) == {"prepare", "teacher", "train", "control", "evaluate", "export"}
    assert found["peak_memory_bytes"] > 2**20 and len(found["adapter_sha256"]) == 64
    assert {c["field"] for c in found["choices"]} >= {
        "device",
        "student.adapter.targets",
        "evaluation.metric",
        "train.teacher",
    }
    assert found["training"]["01-student"]["steps"] == found["training"]["control"]["steps"] == 12


def test_it_keeps_what_the_models_said(done: Path) -> None:
    """The tiny teacher never ends an answer for training, so only those on the held-out rows are there (test_outputs.py)."""
    kept = report(done)["outputs"]
    assert set(kept) == {"heldout-base", "heldout-control", "heldout-student", "heldout-teacher"}
    for who, counts in kept.items():
        rows = [json.loads(line) for line in (done / "outputs" / f"{who}.jsonl").read_text().splitlines()]
        assert len(rows) == counts["rows"] and all(r["messages"][-1]["role"] == "assistant" for r in rows)
        assert counts["rows"] + counts["cut"] == 8


def test_it_tells_everything_in_known_events(done: Path) -> None:
    events = list(read(done / "events.jsonl"))
    assert [e["n"] for e in events] == list(range(1, len(events) + 1))
    assert {e["type"] for e in events} <= set(TYPES)
    assert [e["phase"] for e in events if e["type"] == "phase"] == [
        "prepare",
        "evaluate",
        "evaluate",
        "teacher",
        "teacher",
        "train",
        "evaluate",
        "control",
        "evaluate",
        "export",
    ]
    metric = next(e for e in events if e["type"] == "metric")
    assert set(metric["values"]) == {
        "loss",
        "loss.cross-entropy",
        "loss.forward-kl",
        "grad_norm",
        "grad_norm.cross-entropy",
        "grad_norm.forward-kl",
        "learning_rate",
        "tokens_per_second",
        "memory_bytes",
    }
    assert metric["values"]["loss"] == pytest.approx(
        metric["values"]["loss.cross-entropy"] + metric["values"]["loss.forward-kl"], rel=1e-5
    )
    samples = [e for e in events if e["type"] == "sample"]
    assert {e["step"] for e in samples} == {3, 6, 9, 12} and len(samples) == 16


def test_its_adapter_loads_with_plain_peft_and_names_no_path_of_ours(done: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    adapter = done / "adapter"
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "sample/student"
    for path in adapter.iterdir():
        assert str(done.parent) not in path.read_text(errors="replace"), path.name
    base = AutoModelForCausalLM.from_pretrained(done.parent / "student", dtype=torch.float32)
    ids = torch.tensor([[2, 70, 71, 3]])
    before = base(ids).logits
    tuned = PeftModel.from_pretrained(base, adapter)
    assert (tuned(ids).logits - before).abs().max() > 1e-3


def test_its_card_says_data_teacher_recipe_scores_and_licence(done: Path) -> None:
    card = (done / "adapter" / "README.md").read_text()
    for text in (
        "taught by `sample/teacher`",
        "llm-neo",
        "| student |",
        "24 training rows",
        "## Licence",
        "PeftModel.from_pretrained",
    ):
        assert text in card


def test_its_hashes_are_those_of_sha256sum(done: Path) -> None:
    import subprocess

    assert subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=done / "adapter").returncode == 0


def test_a_second_run_finds_the_signals_and_answers_of_the_first(engine: Forker, done: Path, tmp_path: Path) -> None:
    signals = tmp_path / "signals"
    shutil.copytree(done / "signals", signals)
    shutil.copytree(done / "answers", signals / "answers")
    again = tiny.run_folder(tmp_path / "run")
    for who in ("teacher", "student"):  # the same models under another path
        shutil.copytree(done.parent / who, tmp_path / who, dirs_exist_ok=True)
    assert engine.run("run", str(again), "--signals", str(signals)) == 0
    (found,) = [e for e in said(again, "reason") if e["field"] == "signals"]
    assert "the teacher does not run" in found["why"]
    assert sum("were at hand" in e["message"] for e in said(again, "log")) >= 3
    assert report(again)["adapter_sha256"] == report(done)["adapter_sha256"]


def test_record_makes_all_of_it_ahead(engine: Forker, done: Path, tmp_path: Path) -> None:
    for who in ("teacher", "student"):
        shutil.copytree(done.parent / who, tmp_path / who)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        json.dumps(
            {
                **tiny.RECIPE,
                "teacher": {"model": "teacher"},
                "student": {**tiny.RECIPE["student"], "model": "student"},
                "data": {"file": "rows.parquet"},
            }
        )
    )
    tiny.write_rows(tmp_path / "rows.parquet", tiny.rows())
    assert engine.run("record", str(recipe), "--out", str(tmp_path / "recorded")) == 0
    assert (
        engine.run(
            "run", str(recipe), "--out", str(tmp_path / "out"), "--signals", str(tmp_path / "recorded" / "signals")
        )
        == 0
    )
    assert [e["phase"] for e in said(tmp_path / "out", "progress") if e["phase"] == "teacher"] == []
    assert engine.run("plan", str(recipe), "--json") == 0


@pytest.mark.parametrize(
    ("method", "arms"), [("sft", {"base", "student"}), ("seqkd", {"base", "student", "teacher", "control"})]
)
def test_other_methods_are_the_same_run(engine: Forker, tmp_path: Path, method: str, arms: set[str]) -> None:
    recipe = {"method": method} | ({"teacher": None} if method == "sft" else {})
    folder = tiny.run_folder(tmp_path / "run", recipe)
    if method == "sft":
        models = json.loads((folder / "models.json").read_text())
        (folder / "models.json").write_text(json.dumps({"student": models["student"]}))
    assert engine.run("distill", str(folder)) == 0
    found = report(folder)
    assert set(found["scores"]) == arms
    if method == "sft":
        assert found["gap_closed"]["value"] is None and found["gap_closed"]["why"] == "there is no teacher arm"


def test_bits_per_byte_needs_no_answers(engine: Forker, tmp_path: Path) -> None:
    folder = tiny.run_folder(
        tmp_path / "run",
        {
            "evaluation": {"metric": "bits_per_byte", "bootstrap": 200},
            "train": {**tiny.RECIPE["train"], "learning_rate": 0.02},
        },
    )
    assert engine.run("distill", str(folder)) == 0
    found = report(folder)
    assert found["scores"]["student"]["value"] < found["scores"]["base"]["value"]
    assert found["examples"] == {"won": [], "lost": []} and found["agreement_with_teacher"] is None
    assert (
        engine.run(
            "verify",
            str(folder / "adapter"),
            "--base",
            str(tmp_path / "student"),
            "--rows",
            str(folder / "data" / "rows.parquet"),
        )
        == 0
    )


def test_a_teacher_of_another_tokenizer_is_refused_where_tokens_are_compared(engine: Forker, tmp_path: Path) -> None:
    folder = tiny.run_folder(tmp_path / "run")
    path = tmp_path / "teacher" / "tokenizer.json"
    inner = json.loads(path.read_text())
    vocab = inner["model"]["vocab"]
    vocab["a"], vocab["b"] = vocab["b"], vocab["a"]
    path.write_text(json.dumps(inner))
    models = json.loads((folder / "models.json").read_text())
    models["teacher"]["sha256"] = None
    (folder / "models.json").write_text(json.dumps(models))
    assert engine.run("distill", str(folder)) == 4
    assert "different tokenizers" in json.loads((folder / "error.json").read_text())["message"]


def test_weights_that_changed_after_they_were_checked_are_refused(engine: Forker, tmp_path: Path) -> None:
    folder = tiny.run_folder(tmp_path / "run")
    path = tmp_path / "teacher" / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert engine.run("distill", str(folder)) == 4
    assert json.loads((folder / "error.json").read_text())["code"] == "MODEL_CHANGED"


def test_an_adapter_is_judged_again(engine: Forker, done: Path, tmp_path: Path) -> None:
    folder = tiny.run_folder(tmp_path / "run")
    for who in ("teacher", "student"):
        shutil.copytree(done.parent / who, tmp_path / who, dirs_exist_ok=True)
    shutil.copytree(done / "adapter", folder / "adapter")
    (folder / "params.json").write_text(json.dumps({"run": "x"}))
    assert engine.run("evaluate", str(folder)) == 0
    again, first = report(folder)["scores"], report(done)["scores"]
    assert {k: again[k] for k in ("base", "student", "teacher")} == {
        k: first[k] for k in ("base", "student", "teacher")
    }


def test_the_engine_s_words_for_a_wrong_recipe(engine: Forker, tmp_path: Path) -> None:
    folder = tiny.run_folder(tmp_path / "run", {"train": {"steps": 5, "learning_rate": 0}})
    assert engine.run("distill", str(folder)) == 4
    error = json.loads((folder / "error.json").read_text())
    assert error["code"] == "SPEC_INVALID" and error["field"] == "train.learning_rate"
    assert engine.run("run", str(tmp_path / "absent.yaml")) == 4
