"""Speed and memory of the head pass alone: ours against dense logits in plain torch.

    python -m benchmarks.head --json

Generalised JSD (beta 0.5), forward and backward to the hidden states, frozen heads, float32 on CPU. Case v152k: 512 positions,
H 896, teacher's H 1536, 151,936 ids. Speed is positions per processor second; memory is the peak above the inputs.
The online variant and the dense one must give the same loss, or the benchmark fails. With recorded signals the teacher's
projection is not computed and the loss is the bucketed lower bound.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from . import harness

CASES = ("v152k", "v32k")
VARIANTS = ("ours-online", "ours-recorded", "dense")


def run_case(case: str, repeats: int, threads: int) -> list[dict[str, Any]]:
    sides: list[tuple[str, Path | str, str, list[str]]]
    sides = [(name, sys.executable, "benchmarks.sides.head", [case, name]) for name in VARIANTS]
    found = {name: harness.medians(runs) for name, runs in harness.interleave(sides, repeats, threads).items()}
    gap = abs(found["ours-online"]["loss"] - found["dense"]["loss"])
    if gap > 1e-4 * abs(found["dense"]["loss"]):
        raise RuntimeError(
            f"{case}: the two sides differ in their loss by {gap:.2g}; they did not compute the same thing"
        )
    for row in found.values():
        row["peak_above_inputs_bytes"] = row["peak_bytes"] - row["resident_before_bytes"]
    return [{"name": name, "case": case, **row} for name, row in found.items()]


def ratios(variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    out = []
    for theirs in (v for v in variants if v["name"] == "dense"):
        for ours in (v for v in variants if v["case"] == theirs["case"] and v["name"] != "dense"):
            out.append(
                {
                    "ours": ours["name"],
                    "against": "dense",
                    "case": theirs["case"],
                    "speed": ours["tokens_per_cpu_second"] / theirs["tokens_per_cpu_second"],
                    "speed_wall": ours["tokens_per_second"] / theirs["tokens_per_second"],
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
