"""Whole runs of classifiers and taggers: scores, control, report, export, reload, resume."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.distill.errors import PlanRefused
from jobs.distill.events import read
from jobs.distill.verify import verify
from tests.jobs.distill import tiny
from tests.jobs.distill.forking import Forker
from tests.jobs.distill.labelling import small

STEPS = [{**small.CE[0], "steps": 40}]
KL = [{**small.CE[0], "steps": 30, "terms": [{"type": "forward-kl", "temperature": 2.0, "t_squared": True}]}]


def base(folder: Path, name: str) -> Path:
    if not (folder / name).exists():
        tiny.model(folder / name, 2, 32) if name == "llama" else small.encoder(folder / name, name)
    return folder / name


@pytest.mark.parametrize("name", [*small.ENCODERS, "llama"])
def test_every_architecture_classifies_and_reloads_with_plain_peft(tmp_path: Path, name: str) -> None:
    student = base(tmp_path, name)
    folder = small.run_folder(tmp_path / "run", student, small.rows(), STEPS, student={"task": "classify"})
    report = small.run(folder)
    assert report["scores"]["student"]["value"] > 0.6 > report["scores"]["base"]["value"] == 0.25
    assert report["parity"]["rows"] == 12 and report["parity"]["largest_difference"] <= 1e-6
    assert (
        verify(folder / "adapter", student, folder / "data" / "rows.parquet").score
        == report["scores"]["student"]["value"]
    )
    note = json.loads((folder / "adapter" / "labels.json").read_text())
    assert note["id2label"] == {"0": "card lost", "1": "exchange rate", "2": "refund", "3": "top up"}


@pytest.mark.parametrize("name", ["bert", "llama"])
def test_spans_are_tagged(tmp_path: Path, name: str) -> None:
    """A decoder's causal mask is taken away for tags: the first tag of a row depends on its last token."""
    import torch

    from jobs.distill.labelling.verify import load_adapter

    student = base(tmp_path, name)
    folder = small.run_folder(
        tmp_path / "run", student, small.tagged(), [{**STEPS[0], "steps": 60}], student={"task": "tag"}
    )
    report = small.run(folder)
    assert (
        report["metric"] == "span_f1"
        and report["scores"]["student"]["value"] > 0.7 > report["scores"]["base"]["value"] == 0
    )
    assert report["labelling"]["lost_spans"] == 0 and {
        r["label"] for r in report["labelling"]["arms"]["student"]["table"]
    } >= {"person", "place"}
    model, _ = load_adapter(folder / "adapter", student)
    ids = torch.tensor([[70, 80, 90, 100], [70, 80, 90, 120]])
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    assert float((logits[0, 0] - logits[1, 0]).abs().max()) > 1e-4


def test_a_causal_classifier_may_keep_its_mask_for_tags(tmp_path: Path) -> None:
    student = base(tmp_path, "llama")
    asked = {"task": "tag", "labelling": {"attention": "causal"}}
    folder = small.run_folder(tmp_path / "run", student, small.tagged(), [{**STEPS[0], "steps": 2}], student=asked)
    assert small.run(folder)["labelling"]["attention"] == "causal"


def test_soft_labels_of_columns_teach_rows_without_answers(tmp_path: Path) -> None:
    """Two training rows have an answer: the columns say the rest, and the student beats the control on those two."""
    labels = sorted(small.KEYS.values())
    soft = {"gpt": lambda label, n: {name: 0.85 if name == label else 0.05 for name in labels}}
    stages = [{**KL[0], "steps": 40, "teaching": {"members": [{"kind": "column", "name": "gpt"}]}}]
    folder = small.run_folder(tmp_path / "run", base(tmp_path, "bert"), small.rows(2, 34, 12, soft), stages)
    report = small.run(folder)
    assert report["scores"]["teacher"]["value"] == 1 and report["scores"]["student"]["value"] > 0.7
    assert report["student_minus_control"]["value"] > 0.1
    assert report["labelling"]["soft_labels"] == {"train/gpt": {"rows": 36, "without": 0}}


def test_a_teacher_in_memory_is_read_label_by_label(tmp_path: Path) -> None:
    teacher = tiny.model(tmp_path / "teacher", 1, 48)
    folder = small.run_folder(
        tmp_path / "run", base(tmp_path, "llama"), small.rows(8, 8, 8), KL, teacher, student={"task": "classify"}
    )
    report = small.run(folder)
    assert report["labelling"]["soft_labels"]["train/teacher"] == {"rows": 16, "without": 0}
    assert "teacher" in report["scores"] and report["labelling"]["milliseconds_per_row"]["teacher"] > 0
    chosen = {c["field"]: c["value"] for c in report["choices"]}
    assert chosen["student.labelling.teacher"] == "likelihood" and chosen["student.task"] == "classify"


def test_answers_that_name_no_label_are_listed_and_not_learnt(tmp_path: Path) -> None:
    given = small.rows()
    given[0]["answer"] = "none of these"
    asked = {"labelling": {"labels": sorted(small.KEYS.values())}}
    folder = small.run_folder(
        tmp_path / "run", base(tmp_path, "bert"), given, [{**STEPS[0], "steps": 2}], student=asked
    )
    report = small.run(folder)
    assert report["labelling"]["unmatched_answers"] == 1
    (line,) = (folder / "outputs" / "answers-unmatched.jsonl").read_text().splitlines()
    assert json.loads(line)["row_id"] == "row-000"


def test_spans_without_a_place_are_listed(tmp_path: Path) -> None:
    given = small.tagged()
    given[0]["answer"] = '[{"type": "person", "text": "Nobody"}]'
    folder = small.run_folder(tmp_path / "run", base(tmp_path, "bert"), given, [{**STEPS[0], "steps": 2}])
    assert small.run(folder)["labelling"]["lost_spans"] == 1
    assert "does not contain" in (folder / "outputs" / "spans-lost.jsonl").read_text()


def losses(folder: Path) -> list[float]:
    return [
        e["values"]["loss"] for e in read(folder / "events.jsonl") if e["type"] == "metric" and "loss" in e["values"]
    ]


@pytest.mark.slow
def test_how_a_step_is_cut_changes_nothing(tmp_path: Path) -> None:
    found = []
    for micro in (8, 1, 3):
        stage = {**KL[0], "steps": 4, "micro_batch": micro, "terms": [*KL[0]["terms"], {"type": "cross-entropy"}]}
        soft = {"gpt": lambda label, n: {"card lost": 0.5 + n / 200, "refund": 0.5 - n / 200}}
        stage["teaching"] = {"members": [{"kind": "column", "name": "gpt"}]}
        folder = small.run_folder(tmp_path / f"run{micro}", base(tmp_path, "bert"), small.rows(soft=soft), [stage])
        small.run(folder)
        found.append(losses(folder))
    assert np.allclose(found[0], found[1], atol=1e-5) and np.allclose(found[0], found[2], atol=1e-5)


@pytest.mark.slow
def test_a_run_that_is_killed_ends_with_the_same_bits(engine: Forker, tmp_path: Path) -> None:
    """The policy over teachers is part of the checkpoint."""
    soft = {"good": lambda label, n: {label: 1.0}, "odd": lambda label, n: {"refund": 0.5, "top up": 0.5}}
    members = [{"kind": "column", "name": name} for name in soft]
    stage = {
        **KL[0],
        "steps": 12,
        "checkpoint_seconds": 0.001,
        "teaching": {"members": members, "combine": "reinforced"},
    }
    student = base(tmp_path, "bert")
    clean = small.run_folder(tmp_path / "clean", student, small.rows(soft=soft), [stage])
    assert engine.run("distill", str(clean)) == 0
    folder = small.run_folder(tmp_path / "run", student, small.rows(soft=soft), [stage])
    lines = sum(1 for _ in read(clean / "events.jsonl"))
    for share in (0.4, 0.6):
        engine.run(
            "distill",
            str(folder),
            kill={"folder": str(folder), "events": int(share * lines), "signal": signal.SIGKILL},
        )
    assert engine.run("distill", str(folder)) == 0
    weights = [(f / "adapter" / "adapter_model.safetensors").read_bytes() for f in (clean, folder)]
    assert weights[0] == weights[1]
    reports = [json.loads((f / "report.json").read_text()) for f in (clean, folder)]
    assert reports[0]["labelling"]["teacher_weights"] == reports[1]["labelling"]["teacher_weights"]


def test_rare_labels_may_count_more(tmp_path: Path) -> None:
    asked = {"labelling": {"class_weights": "balanced", "weights": {"refund": 2.0}}}
    folder = small.run_folder(
        tmp_path / "run", base(tmp_path, "bert"), small.rows(), [{**STEPS[0], "steps": 2}], student=asked
    )
    small.run(folder)
    wrong = small.run_folder(
        tmp_path / "wrong", base(tmp_path, "bert"), small.rows(), student={"labelling": {"weights": {"no": 2.0}}}
    )
    with pytest.raises(PlanRefused, match="no label 'no' to weigh"):
        small.run(wrong)


def test_it_looks_at_a_slice_on_the_way_and_keeps_the_best(tmp_path: Path) -> None:
    stage = {**STEPS[0], "watch": {"every": 5, "rows": 4, "keep": "best"}}
    folder = small.run_folder(tmp_path / "run", base(tmp_path, "bert"), small.rows(), [stage])
    report = small.run(folder)
    looks = [e["values"] for e in small.told(folder, "metric") if "watched.score" in e["values"]]
    assert len(looks) == 8 and report["rows"]["heldout"] == 12


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"terms": [{"type": "dpo"}]}, "terms.0.type"),
        ({"source": {"kind": "student"}}, "source.kind"),
        ({"teaching": {"combine": "compose"}}, "teaching.combine"),
    ],
)
def test_what_only_writers_do_is_refused_by_the_engine_too(tmp_path: Path, change: dict[str, Any], field: str) -> None:
    folder = small.run_folder(tmp_path / "run", base(tmp_path, "bert"), small.rows(), [{**STEPS[0], **change}])
    with pytest.raises(PlanRefused) as e:
        small.run(folder)
    assert e.value.field == field


def test_the_report_speaks(tmp_path: Path) -> None:
    folder = small.run_folder(tmp_path / "run", base(tmp_path, "bert"), small.rows(), STEPS)
    words = small.run(folder)["labelling"]["words"]
    assert words[0].startswith("The student names the right label for") and "12 held-out rows" in words[0]
    assert "always 'card lost'" in words[1] and any(w.startswith("Macro F1") for w in words)
