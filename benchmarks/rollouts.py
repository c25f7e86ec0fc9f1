"""Speed of writing answers: ours against transformers' generate on padded batches, with the same LoRA student.

    python -m benchmarks.rollouts --json

64 prompts of 12 to 96 tokens, 16 at a time, at most 128 new tokens, greedy, float32 on CPU. Case mixed: answers end at all
lengths, as real ones do. Case full: none ends early, so nothing is saved by letting rows go. Speed is written tokens per
processor second. Both sides must write the same tokens, or the benchmark fails.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from . import harness

CASES = ("mixed", "full")
VARIANTS = ("ours", "transformers")


def run_case(case: str, repeats: int, threads: int) -> list[dict[str, Any]]:
    sides: list[tuple[str, Path | str, str, list[str]]]
    sides = [(name, sys.executable, "benchmarks.sides.rollouts", [case, name]) for name in VARIANTS]
    found = {name: harness.medians(runs) for name, runs in harness.interleave(sides, repeats, threads).items()}
    if len({row["loss"] for row in found.values()}) != 1:
        raise RuntimeError(f"{case}: the two sides wrote different tokens; they did not compute the same thing")
    for row in found.values():
        row["written_tokens"] = row.pop("supervised_tokens")
        row["answers_crc32"] = int(row.pop("loss"))
    return [{"name": name, "case": case, **row} for name, row in found.items()]


def ratios(variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    out = []
    for theirs in (v for v in variants if v["name"] != "ours"):
        ours = next(v for v in variants if v["case"] == theirs["case"] and v["name"] == "ours")
        out.append(
            {
                "ours": "ours",
                "against": theirs["name"],
                "case": theirs["case"],
                "speed": ours["tokens_per_cpu_second"] / theirs["tokens_per_cpu_second"],
                "speed_wall": ours["tokens_per_second"] / theirs["tokens_per_second"],
                "memory": ours["peak_bytes"] / theirs["peak_bytes"],
            }
        )
    return out


def main() -> None:
    args = harness.arguments(__doc__ or "", list(CASES))
    variants = [v for case in args.case or CASES for v in run_case(case, args.repeats, args.threads)]
    found = {"ours": harness.versions(sys.executable, ["torch", "transformers", "peft"])}
    harness.finish(args, harness.report("rollouts", variants, ratios(variants), found, threads=args.threads))


if __name__ == "__main__":
    main()
