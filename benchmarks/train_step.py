"""Supervised tokens per second and peak memory of a distillation step: ours against TRL's trainers and a plain loop.

    python -m benchmarks.train_step --json

Qwen2-shaped teacher 512x8 and student 256x6 with random weights, LoRA 16 on all linear layers, JSD beta 0.5 at T 0.9, GSM8K rows
of mixed length up to 512 tokens with only the answer supervised (mixed-*), or rows of exactly 512 packed tokens (full-*); float32
on CPU. The same rows, batch and number of steps on all sides; TRL 1.16 in an environment of its own (made on first use), gradient
checkpointing off: its GKD trainer on offline data (lmbda 0), its DistillationTrainer with the answers given instead of generated,
its SFT trainer without any teacher; and a plain full-logit loop in bfloat16. `ours-online-bfloat16` has the teacher's weights in
bfloat16, as a recipe may ask (`dtype` of a teacher) and as the plain loop has all of them; the student stays in float32.
Speed is supervised tokens per processor second (the wall's own is reported too); memory is the peak resident set of the steps.
"""

from __future__ import annotations

import sys
from typing import Any

from . import harness
from .workloads import CASES

TRL = ["torch==2.13.0", "trl==1.16.0", "peft==0.21.2", "transformers==5.23.0"]
OURS = {"ours-online": "online", "ours-online-bfloat16": "online-bfloat16", "ours-recorded": "recorded"}
OTHERS = {  # name -> (module, in TRL's environment?)
    "trl-gkd": ("benchmarks.sides.trl_gkd", True),
    "trl-distillation": ("benchmarks.sides.trl_distillation", True),
    "trl-sft": ("benchmarks.sides.trl_sft", True),
    "plain-bf16": ("benchmarks.sides.plain_bf16", False),
}


def run_case(case: str, python: Any, repeats: int, threads: int) -> list[dict[str, Any]]:
    sides: list[harness.Side] = [
        (name, sys.executable, "benchmarks.sides.ours", [case, mode]) for name, mode in OURS.items()
    ]
    sides += [(name, python if own else sys.executable, module, [case]) for name, (module, own) in OTHERS.items()]
    before = harness.matmul_rate(threads)
    results = harness.interleave(sides, repeats, threads)
    rate = max(before, harness.matmul_rate(threads))
    found = [{"name": name, "case": case, **harness.medians(runs)} for name, runs in results.items()]
    for row in found:
        if "matmul_flops" in row and row["name"] != "ours-online-bfloat16":  # whose teacher is not bound by that rate
            floor = row["matmul_flops"] / rate
            row.update(matmul_flops_per_cpu_second=rate, matmul_share=floor / row["cpu_seconds"])
    return found


def ratios(variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    out = []
    for case in {v["case"] for v in variants}:
        by = {v["name"]: v for v in variants if v["case"] == case}
        for name, other in ((a, b) for a in OURS for b in OTHERS):
            ours, theirs = by[name], by[other]
            out.append(
                {
                    "ours": name,
                    "against": other,
                    "case": case,
                    "speed": ours["tokens_per_cpu_second"] / theirs["tokens_per_cpu_second"],
                    "speed_wall": ours["tokens_per_second"] / theirs["tokens_per_second"],
                    "memory": ours["peak_bytes"] / theirs["peak_bytes"],
                }
            )
    return sorted(out, key=lambda r: (r["case"], r["against"], r["ours"]))


def main() -> None:
    args = harness.arguments(__doc__ or "", sorted(CASES))
    python = harness.environment("trl", TRL)
    variants = [v for case in args.case or CASES for v in run_case(case, python, args.repeats, args.threads)]
    packages = ["torch", "transformers", "peft"]
    found = {
        "ours": harness.versions(sys.executable, packages),
        "trl": harness.versions(python, [*packages, "trl"]),
    }
    harness.finish(args, harness.report("train_step", variants, ratios(variants), found, threads=args.threads))


if __name__ == "__main__":
    main()
