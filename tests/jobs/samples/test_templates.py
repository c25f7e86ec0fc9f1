"""Starting recipes: each compiles with the shipped samples, and each runs for a few steps through the real engine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from jobs.distill import recipe as recipes
from jobs.distill.catalog.advice import QUESTIONS
from jobs.distill.data.load import iter_rows
from jobs.distill.data.profile import profile
from jobs.distill.models.inspect import inspect_model
from jobs.distill.plan.compiler import compile
from jobs.distill.plan.facts import DataFacts, DeviceFacts, Facts, ModelFacts
from jobs.samples import catalog
from jobs.samples.excerpts import EXCERPTS, roles_of, to_rows
from jobs.samples.templates import ORDER, TEMPLATES

TWO_CORES = DeviceFacts(memory_bytes=8 * 2**30, cores=2, flops=1e11)


@pytest.fixture(scope="module")
def models() -> dict[str, ModelFacts]:
    return {m.key: inspect_model(m.folder, name=m.key) for m in catalog.MODELS}


@pytest.fixture(scope="module")
def data(models: dict[str, ModelFacts]) -> dict[str, DataFacts]:
    sample = catalog.MODELS[0]
    words = {
        "folder": str(sample.folder),
        "vocab_sha256": models[sample.key].tokenizer.vocab_sha256,
        "title": sample.title,
        "context": 512,
    }
    found = {
        d.key: profile(iter_rows(d.folder / d.rows), "0" * 64, [words], 0.1, lambda n: None) for d in catalog.DATASETS
    }
    return {key: DataFacts.model_validate(p["facts"]) for key, p in found.items()}


def test_there_are_ten_and_each_names_its_task() -> None:
    assert list(TEMPLATES) == list(ORDER) and len(TEMPLATES) == 10
    assert {t.task for t in TEMPLATES.values()} <= {a.id for q in QUESTIONS if q.id == "task" for a in q.answers}
    assert all(text[0].isupper() for t in TEMPLATES.values() for text in (*t.need, *t.get))
    files = {p.stem for p in (Path(catalog.HERE) / "templates").glob("*.yaml")}
    assert files == set(TEMPLATES)


@pytest.mark.parametrize("id", ORDER)
def test_its_plan_has_no_refusal_on_two_cores(
    id: str, models: dict[str, ModelFacts], data: dict[str, DataFacts]
) -> None:
    template = TEMPLATES[id]
    recipe = recipes.parse(template.recipe)
    teacher = models[recipe.teacher.model] if recipe.teacher else None
    rows = data[str(recipe.data.dataset)]
    plan = compile(recipe, Facts(student=models[recipe.student.model], teacher=teacher, data=rows, device=TWO_CORES))
    assert plan.ok, [p.message for p in plan.refusals]
    assert plan.rows.train > 50 and plan.rows.heldout >= 50
    assert plan.seconds / 60 <= template.minutes <= 5 * plan.seconds / 60
    if id != "shrink" and teacher:
        assert plan.verdict and plan.verdict.same_vocabulary


@pytest.mark.parametrize("name", EXCERPTS)
def test_the_rows_of_an_excerpt_are_those_of_its_upload(name: str, tmp_path: Path) -> None:
    sample = next(d for d in catalog.DATASETS if d.key == f"sample/{name}")
    assert roles_of(name) == sample.roles
    counts = to_rows(sample.folder / sample.upload, tmp_path / "rows.parquet", sample.roles)
    assert {k: counts[k] for k in ("rows", "train", "heldout")} == {
        k: sample.counts[k] for k in ("rows", "train", "heldout")
    }

    def said(path: Path) -> list[tuple[object, ...]]:
        return [(r["messages"], r["answer"], r["split"]) for r in iter_rows(path)]

    assert said(tmp_path / "rows.parquet") == said(sample.folder / sample.rows)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("id", ORDER)
def test_it_runs_through_the_real_engine(id: str, tmp_path: Path) -> None:
    recipe = json.loads(json.dumps(TEMPLATES[id].recipe))
    recipe["train"] = {k: v for k, v in recipe["train"].items() if k not in ("epochs", "schedule")} | {
        "steps": 2,
        "batch_size": 4,
    }
    recipe["data"]["limit"] = 16
    recipe["evaluation"] |= {"limit": 8, "max_new_tokens": 8}
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "jobs.distill", "run", str(file), "--out", str(tmp_path / "run")],
        capture_output=True, text=True, env=None,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-800:] + done.stderr[-1500:]
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["scores"]["student"]["n"] >= 8
    assert (tmp_path / "run" / "adapter" / "adapter_model.safetensors").is_file()
