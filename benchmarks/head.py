"""Speed and memory of the head pass alone: ours against dense logits, TRL's chunked divergence and Liger's fused JSD.

    python -m benchmarks.head --json

Generalised JSD (beta 0.5), forward and backward to the hidden states, frozen heads, float32 on CPU. Case v152k: 512 positions,
H 896, teacher's H 1536, 151,936 ids. Speed is positions per processor second; memory is the peak above the inputs.
All but the recorded and the five-term variant must give the same loss, or the benchmark fails. With recorded signals the
teacher's projection is not computed and the loss is the bucketed lower bound. `ours-five-terms` reads five divergences in one
pass, to be held against `ours-online`, which reads one. TRL and Liger run in environments of their own.
Each row says what it leaves: the matrix products at the rate measured before and after, and the bytes of logits and heads.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from . import harness
from .sides.head_inputs import CASES as SHAPES
from .train_step import TRL

CASES = ("v152k", "v32k")
OURS = ("ours-online", "ours-recorded", "ours-five-terms")
OTHERS = ("dense", "trl-chunked", "liger-fused")
LIGER = ["torch==2.13.0", "liger-kernel==0.8.5"]


def run_case(case: str, repeats: int, threads: int) -> list[dict[str, Any]]:
    sides: list[tuple[str, Path | str, str, list[str]]]
    sides = [(name, sys.executable, "benchmarks.sides.head", [case, name]) for name in (*OURS, "dense")]
    pythons = {"trl-chunked": harness.environment("trl", TRL), "liger-fused": harness.environment("liger", LIGER)}
    sides += [(name, python, "benchmarks.sides.head_others", [case, name]) for name, python in pythons.items()]
    before = harness.matmul_rate(threads)
    found = {name: harness.medians(runs) for name, runs in harness.interleave(sides, repeats, threads).items()}
    rate = max(before, harness.matmul_rate(threads))
    same = {name: row["loss"] for name, row in found.items() if name not in ("ours-recorded", "ours-five-terms")}
    if max(same.values()) - min(same.values()) > 1e-4 * abs(same["dense"]):
        raise RuntimeError(f"{case}: the sides differ in their loss, {same}; they did not compute the same thing")
    for name, row in found.items():
        row["peak_above_inputs_bytes"] = row["peak_bytes"] - row["resident_before_bytes"]
        row["matmul_flops_per_cpu_second"] = rate
        row.update(harness.limits(row, *work(case, name != "ours-recorded"), rate))
    return [{"name": name, "case": case, **row} for name, row in found.items()]


def work(case: str, teacher: bool) -> tuple[int, int]:
    """Operations of the products, and bytes of float32 logits and heads that pass through memory at least once: each product
    reads its head, logits are written once and read once, the derivative too."""
    n, wide, teacher_wide, vocab = SHAPES[case]
    widths = 2 * wide + (teacher_wide if teacher else 0)
    return 2 * n * vocab * widths, 4 * vocab * (widths + n * (6 if teacher else 4))


def ratios(variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    out = []
    by = {(v["case"], v["name"]): v for v in variants}
    pairs = [(ours, theirs) for theirs in OTHERS for ours in OURS[:2]] + [("ours-five-terms", "ours-online")]
    for case in dict.fromkeys(v["case"] for v in variants):
        for name, other in pairs:
            ours, theirs = by[case, name], by[case, other]
            out.append(
                {
                    "ours": name,
                    "against": other,
                    "case": case,
                    "speed": ours["tokens_per_cpu_second"] / theirs["tokens_per_cpu_second"],
                    "speed_wall": ours["tokens_per_second"] / theirs["tokens_per_second"],
                    "cpu_time": theirs["tokens_per_cpu_second"] / ours["tokens_per_cpu_second"],
                    "memory": ours["peak_above_inputs_bytes"] / theirs["peak_above_inputs_bytes"],
                }
            )
    return out


def main() -> None:
    args = harness.arguments(__doc__ or "", list(CASES))
    variants = [v for case in args.case or CASES for v in run_case(case, args.repeats, args.threads)]
    found = {"ours": harness.versions(sys.executable, ["torch"])}
    harness.finish(args, harness.report("head", variants, ratios(variants), found, threads=args.threads))


if __name__ == "__main__":
    main()
