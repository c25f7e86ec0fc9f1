"""Supervised tokens per second and peak memory of a distillation step: ours against TRL's GKD trainer.

    python -m benchmarks.train_step --json

Qwen2-shaped teacher 512x8 and student 256x6 with random weights, LoRA 16 on all linear layers, JSD beta 0.5 at T 0.9, GSM8K rows
of mixed length up to 512 tokens with only the answer supervised; float32 on CPU. The same rows, batch and number of steps on
both sides; TRL 1.16 in an environment of its own (made on first use), offline data (lmbda 0), gradient checkpointing off.
Speed is supervised tokens per processor second (the wall's own is reported too); memory is the peak resident set of the steps.
"""

from __future__ import annotations

import sys
from typing import Any

from . import harness
from .workloads import CASES

TRL = ["torch==2.13.0", "trl==1.16.0", "peft==0.21.2", "transformers==5.23.0"]
OURS = {"ours-online": "online", "ours-recorded": "recorded"}


def run_case(case: str, python: Any, repeats: int, threads: int) -> list[dict[str, Any]]:
    sides = [(name, sys.executable, "benchmarks.sides.ours", [case, mode]) for name, mode in OURS.items()]
    sides.append(("trl-gkd", python, "benchmarks.sides.trl_gkd", [case]))
    results = harness.interleave(sides, repeats, threads)
    return [{"name": name, "case": case, **harness.medians(runs)} for name, runs in results.items()]


def ratios(variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    out = []
    for case in {v["case"] for v in variants}:
        by = {v["name"]: v for v in variants if v["case"] == case}
        for name in OURS:
            ours, theirs = by[name], by["trl-gkd"]
            out.append(
                {
                    "ours": name,
                    "against": "trl-gkd",
                    "case": case,
                    "speed": ours["tokens_per_cpu_second"] / theirs["tokens_per_cpu_second"],
                    "speed_wall": ours["tokens_per_second"] / theirs["tokens_per_second"],
                    "memory": ours["peak_bytes"] / theirs["peak_bytes"],
                }
            )
    return sorted(out, key=lambda r: (r["case"], r["ours"]))


def main() -> None:
    args = harness.arguments(__doc__ or "", sorted(CASES))
    python = harness.environment("trl", TRL)
    variants = [v for case in args.case or CASES for v in run_case(case, python, args.repeats, args.threads)]
    packages = ["torch", "transformers", "peft"]
    found = {
        "ours": harness.versions(sys.executable, packages),
        "trl-gkd": harness.versions(python, [*packages, "trl"]),
    }
    harness.finish(args, harness.report("train_step", variants, ratios(variants), found, threads=args.threads))


if __name__ == "__main__":
    main()
