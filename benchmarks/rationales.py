"""Reasons against labels: SVAMP's sums, a text-only teacher behind `transformers serve`, three seeds.

`python -m benchmarks.rationales --json [--save FILE]`: the same labelled questions, student, steps and seeds; what is learnt
differs. labels: the number alone. verified: the teacher's reasons that hold (every calculation right, the answer the gold
one), and no other row. unchecked: the teacher's reasons as they came. A proxy plants faults into a fifth of the
teacher's answers; how many of them survive the checks is counted.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .harness import ROOT, finish, machine, say, versions
from .serving import proxied, serve, wrong_sum
from .sums import STUDENT, ready

PLANTED = 0.2
STEPS = 400
TRAIN = {
    "kind": "train", "name": "learn", "rows": "all", "steps": STEPS, "batch_size": 32, "learning_rate": 0.002,
    "schedule": {"type": "cosine", "warmup": 20}, "terms": [{"type": "cross-entropy"}],
}  # fmt: skip
WRITE = {
    "kind": "write", "name": "reasons", "writer": "rationale", "options": {"plain": True, "marker": "####"}, "candidates": 1, "temperature": 0.0,
    "max_new_tokens": 32,
}  # fmt: skip
CHECK = {
    "kind": "verify", "name": "check", "keep": "all",
    "checks": [{"type": "calculations", "options": {"plain": True, "least": 1, "ends": True}}, {"type": "numeric"}],
}  # fmt: skip
ARMS: dict[str, list[dict[str, Any]]] = {
    "labels": [{**TRAIN, "rows": "labelled"}],
    "verified": [WRITE, CHECK, {**TRAIN, "supervise": "reasoned"}],
    "unchecked": [{**WRITE, "candidates": 1, "temperature": 0.0}, {**TRAIN, "supervise": "reasoned"}],
}


def main() -> None:
    parser = argparse.ArgumentParser(description="reasons against labels")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    given = parser.parse_args()
    model, data = ready()
    with serve(model) as real, proxied(real, wrong_sum, PLANTED) as (url, spoilt):
        arms = [_arm(name, seed, url, model, data, spoilt) for seed in range(given.seeds) for name in given.arms]
    ours = {name: [a["score"] for a in arms if a["arm"] == name] for name in given.arms}
    result = {
        "benchmark": "rationales",
        "machine": machine(),
        "versions": versions(sys.executable, ["torch", "transformers", "peft"]),
        "variants": [
            {"name": name, "case": "svamp", "scores": scores, "mean": sum(scores) / len(scores)}
            for name, scores in ours.items()
        ],
        "ratios": [],
        "runs": arms,
    }
    finish(given, result)


def _arm(name: str, seed: int, url: str, model: Path, data: Path, spoilt: list[str]) -> dict[str, Any]:
    """One run from its recipe to its report, in a process of its own."""
    place = Path(tempfile.mkdtemp(prefix=f"rationales-{name}-{seed}-"))
    recipe = {
        "version": 1,
        "name": f"SVAMP, {name}, seed {seed}",
        "teacher": {"model": str(model), "endpoint": {"url": url, "model": str(model), "concurrency": 4}},
        "student": {"model": str(STUDENT), "adapter": {"rank": 32, "alpha": 64}},
        "data": {"file": str(data), "roles": {"user": "question", "assistant": "answer", "split": "split"}},
        "stages": ARMS[name],
        "evaluation": {"metric": "numeric_match", "max_new_tokens": 32, "batch_size": 128},
        "control": False,
        "seed": seed,
    }
    (place / "recipe.yaml").write_text(json.dumps(recipe))
    ledger = str(
        place.parent / f"rationales-ledger-{os.getpid()}"
    )  # what one arm was told, the others are not asked for again
    env = {
        **os.environ,
        "WB_LEDGER": ledger,
        "ALLOWED_PRIVATE_HOSTS": "127.0.0.1",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    command = [sys.executable, "-m", "jobs.distill", "run", str(place / "recipe.yaml"), "--out", str(place / "run")]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name}, seed {seed}: {(done.stdout + done.stderr)[-2000:]}")
    report = json.loads((place / "run" / "report.json").read_text())
    made = place / "run" / "outputs" / "check.jsonl"
    out = {
        "arm": name, "seed": seed, "score": report["scores"]["student"]["value"], "interval": report["scores"]["student"],
        "base": report["scores"]["base"]["value"], "teacher": (report["scores"].get("teacher") or {}).get("value"),
        "tokens_per_answer": report["tokens_per_answer"], "made": report["made_rows"],
    }  # fmt: skip
    if made.exists():
        out |= _survived([json.loads(line) for line in made.read_text().splitlines()], spoilt)
    say(f"{name:10} seed {seed}: {out['score']:.3f}")
    return out


def _survived(rows: list[dict[str, Any]], spoilt: list[str]) -> dict[str, int]:
    """Spoilt answers among the rows that passed: a sum or a number that is wrong."""
    wrong = 0
    for row in rows:
        steps, number = str(row.get("rationale", "")), row["messages"][-1]["content"].strip()
        a, op, b, result = re.fullmatch(r"(\d+)([-+*/])(\d+)=(\d+)", steps.strip()).groups()  # type: ignore[union-attr]
        right = {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b), "/": int(a) // max(1, int(b))}[op]
        wrong += str(right) != result or number != str(row["gold"]) or number != result
    return {"planted": len(spoilt), "passed": len(rows), "survived": wrong}


if __name__ == "__main__":
    main()
