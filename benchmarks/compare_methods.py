"""Twelve methods on the sample pair: equal rows, steps, batches and learning rate, three seeds each.

`python -m benchmarks.compare_methods` trains what `benchmarks/results/methods.json` does not hold yet, one arm after the
other in a process of its own, and writes that file and `docs/methods-compared.md` anew after every arm: it can be
stopped at any time and started again. `--doc` only writes the document.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from jobs.samples import catalog as samples

from .harness import HERE, ROOT, say
from .methods_document import document

RESULTS = HERE / "results" / "methods.json"
DOCUMENT = ROOT / "docs" / "methods-compared.md"
METHODS = (
    "sft",
    "seqkd",
    "llm-neo",
    "word-kd",
    "label-mix",
    "distillm-skew",
    "distillm-skew-reverse",
    "gkd-jsd",
    "akl",
    "abkd",
    "taid",
    "dkd",
)
TRAIN = {"batch_size": 32, "learning_rate": 0.002, "max_new_tokens": 16}
ADAPTER = {"rank": 64, "alpha": 128}


def main() -> None:
    parser = argparse.ArgumentParser(description="compare methods on the sample pair")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), help="ids of the catalogue")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds, from 0")
    parser.add_argument("--steps", type=int, default=120, help="optimizer steps of every arm")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where finished arms are kept")
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    parser.add_argument("--doc", action="store_true", help="only write the document from finished arms")
    given = parser.parse_args()
    results = stored(given.results, given.steps)
    if not given.doc:
        for seed in range(given.seeds):  # seed by seed: stopped early, every method has as many
            for method in given.methods:
                if any(arm["method"] == method and arm["seed"] == seed for arm in results["arms"]):
                    continue
                arm = train(method, seed, given.steps)
                results["arms"].append(arm)
                say(f"{method:22} seed {seed}: gap closed {arm['gap_closed']['value']:.3f} in {arm['wall']:.0f} s")
                write(results, given.results, given.document)
    if results["arms"]:
        write(results, given.results, given.document)


def stored(file: Path, steps: int) -> dict[str, Any]:
    """Finished arms. Raises SystemExit where they were trained with another number of steps: such arms do not compare."""
    if not file.exists():
        return {"benchmark": "compare_methods", "steps": steps, "train": TRAIN, "adapter": ADAPTER, "arms": []}
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if found["steps"] != steps:
        raise SystemExit(
            f"{file} holds arms of {found['steps']} steps and {steps} were asked for; give --steps {found['steps']} or another --results."
        )
    return found


def write(results: dict[str, Any], file: Path, place: Path) -> None:
    """The JSON first and whole: a stop in the middle must not cost finished arms."""
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    fresh.replace(file)
    place.write_text(document(results), encoding="utf-8")


def recipe(method: str, seed: int, steps: int) -> dict[str, Any]:
    """The method with its catalogue defaults, and everything else the same for all."""
    teacher, student = (str(sample.folder) for sample in samples.MODELS)
    dataset = samples.DATASETS[0]
    return {
        "name": f"{method} {seed}",
        "method": method,
        "teacher": {"model": teacher},
        "student": {"model": student, "adapter": ADAPTER},
        "data": {"file": str(dataset.folder / dataset.rows)},
        "train": {"steps": steps, **TRAIN, "schedule": {"type": "cosine", "warmup": min(30, steps // 5)}},
        "evaluation": {"metric": "exact_match", "max_new_tokens": 16, "batch_size": 256},
        "control": False,  # plain fine-tuning is one of the arms
        "seed": seed,
    }


def train(method: str, seed: int, steps: int) -> dict[str, Any]:
    """One arm in a child process; what its teacher said is kept for the method's other seeds."""
    work = ROOT / "var" / "compare-methods"
    folder, kept = work / f"{method}-{seed}-{steps}", work / "signals" / method
    work.mkdir(parents=True, exist_ok=True)
    file = work / f"{method}-{seed}.json"
    file.write_text(json.dumps(recipe(method, seed, steps)), encoding="utf-8")
    command = [sys.executable, "-m", "jobs.distill", "run", str(file), "--out", str(folder)]
    for place in (ROOT / "jobs" / "samples" / "signals", kept):
        command += ["--signals", str(place)] if place.exists() else []
    began = time.monotonic()
    env = {**os.environ, "WB_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{method}, seed {seed}, ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
    wall = time.monotonic() - began
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    keep(folder, kept)
    shutil.rmtree(folder)
    return summary(method, seed, wall, report)


def keep(folder: Path, place: Path) -> None:
    for source, target in ((folder / "signals", place), (folder / "answers", place / "answers")):
        if source.is_dir() and not target.exists():
            shutil.copytree(source, target)


def summary(method: str, seed: int, wall: float, report: dict[str, Any]) -> dict[str, Any]:
    trained = [outcome for name, outcome in report["training"].items() if name.endswith("student")]
    return {
        "method": method,
        "seed": seed,
        "wall": round(wall, 1),
        "train_seconds": round(sum(t["seconds"] for t in trained), 2),
        "steps": sum(t["steps"] for t in trained),
        "tokens": sum(t["tokens"] for t in trained),
        "gap_closed": report["gap_closed"],
        "scores": report["scores"],
        "agreement_with_teacher": report["agreement_with_teacher"],
        "rows": report["rows"],
    }


if __name__ == "__main__":
    main()
