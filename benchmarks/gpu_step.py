"""A distillation step on a GPU: tokens per second, peak memory and TFLOP/s, ours against TRL with and without Liger, and ms-swift.

    python -m benchmarks.gpu_step --json
    python -m benchmarks.gpu_step --tiny          # the same sides with toy models on a CPU: shows that the script works

A teacher of 8B's shape (32 layers of 4,096) and a student of 1B's (16 of 2,048) with random weights in bfloat16, 128,256 ids, four
rows of 2,048 tokens a step, GSM8K text packed, LoRA 16 on all linear layers, JSD beta 0.5 at T 0.9, gradient checkpointing off. Ours
with the teacher beside the student and with recorded signals (K = 64); TRL 1.16's GKD trainer on the same answers, plain and with
Liger's kernels in the student; ms-swift's GKD. Each in an environment of its own.
TFLOP/s count the products that the task needs (linear layers, output layers at supervised positions, no activation computed
twice), the same number for every side with a teacher, against the rate of a large product measured in the same run.
Without a GPU it says so and ends with code 2. A side that cannot run is named with its reason, not left out silently.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch

from . import harness
from .train_step import TRL

CASE, TINY = "gpu-2k", "tiny"
OURS = {"ours-online": "online", "ours-recorded": "recorded"}
LIGER = [*TRL, "liger-kernel==0.8.5"]
SWIFT = ["torch==2.13.0", "ms-swift==4.6.0", "msgspec==0.22.0"]  # it imports msgspec without asking for it
THEIRS = {  # name -> (environment, its packages, module, arguments after the case, does it need a GPU?)
    "trl-gkd": ("trl", TRL, "benchmarks.sides.trl_gkd", [], False),
    "trl-gkd-liger": ("trl-liger", LIGER, "benchmarks.sides.trl_gkd", ["liger"], True),
    "ms-swift": ("swift", SWIFT, "benchmarks.sides.swift_gkd", [], False),
}
NO_GPU = "There is no GPU that PyTorch can use here, so nothing was measured; --tiny runs the sides with toy models on the CPU."


def sides(case: str, on_gpu: bool, wanted: set[str]) -> tuple[list[harness.Side], dict[str, str]]:
    """What runs here of the wanted ones, and why the others do not."""
    found: list[harness.Side] = [
        (name, sys.executable, "benchmarks.sides.ours", [case, mode]) for name, mode in OURS.items() if name in wanted
    ]
    missing = {}
    for name, (env, packages, module, more, needs_gpu) in THEIRS.items():
        if name not in wanted:
            continue
        if needs_gpu and not on_gpu:
            missing[name] = "its kernels are written in Triton and need a GPU"
            continue
        try:
            found.append((name, harness.environment(env, packages), module, [case, *more]))
        except Exception as e:
            missing[name] = f"it could not be installed: {str(e)[:300]}"
    return found, missing


def run_all(
    runnable: list[harness.Side], repeats: int, threads: int, missing: dict[str, str]
) -> dict[str, list[dict[str, Any]]]:
    """Interleaved measurements of each side; one that fails is moved to `missing` and not tried again."""
    results: dict[str, list[dict[str, Any]]] = {}
    for _ in range(repeats):
        for side in [s for s in runnable if s[0] not in missing]:
            try:
                results.setdefault(side[0], []).extend(harness.interleave([side], 1, threads)[side[0]])
            except RuntimeError as e:
                if side[0] in OURS:
                    raise
                missing[side[0]] = f"it failed: {str(e)[-400:]}"
                results.pop(side[0], None)
    return results


def summary(results: dict[str, list[dict[str, Any]]], case: str, ceiling: float, on_gpu: bool) -> list[dict[str, Any]]:
    """One row a side, with its memory and TFLOP/s. ceiling: operations a second of a large product."""
    found = [{"name": name, "case": case, **harness.medians(runs)} for name, runs in results.items()]
    needed = next(row["matmul_flops"] for row in found if row["name"] == "ours-online")
    for row in found:
        row["memory_bytes"] = row["peak_gpu_bytes" if on_gpu else "peak_bytes"]
        flops = row.setdefault("matmul_flops", needed)
        row["tflops"] = flops / row["seconds"] / 1e12
        row["share_of_ceiling"] = flops / row["seconds"] / ceiling
    return found


def ratios(variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by = {v["name"]: v for v in variants}
    return [
        {
            "ours": name,
            "against": other,
            "case": by[other]["case"],
            "speed": by[name]["tokens_per_second"] / by[other]["tokens_per_second"],
            "memory": by[name]["memory_bytes"] / by[other]["memory_bytes"],
        }
        for name in by
        for other in by
        if name in OURS and other not in OURS
    ]


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the result as JSON only")
    parser.add_argument("--tiny", action="store_true", help="toy models on the CPU")
    parser.add_argument("--only", action="append", choices=[*OURS, *THEIRS], help="only this side (may be repeated)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--save", type=Path, help="also write the result here")
    args = parser.parse_args(given)
    on_gpu = not args.tiny
    if on_gpu and not torch.cuda.is_available():
        print(NO_GPU, file=sys.stderr)
        return 2
    case = CASE if on_gpu else TINY
    runnable, missing = sides(case, on_gpu, {*(args.only or [*OURS, *THEIRS]), "ours-online"})
    before = harness.matmul_rate(args.threads, case)
    results = run_all(runnable, args.repeats, args.threads, missing)
    ceiling = max(before, harness.matmul_rate(args.threads, case))
    variants = summary(results, case, ceiling, on_gpu)
    name = torch.cuda.get_device_name() if on_gpu else "none: toy models on the CPU"
    versions = {side: harness.versions(python, ["torch", "transformers"]) for side, python, *_ in runnable}
    more = {"gpu": name, "ceiling_tflops": ceiling / 1e12, "left_out": missing}
    harness.finish(args, harness.report("gpu_step", variants, ratios(variants), versions, **more))
    return 0


if __name__ == "__main__":
    sys.exit(main())
