"""Recorded signals: bytes a token, and how fast they are read back into tensors.

    python -m benchmarks.signals --json

Ours at K = 64 with everything kept (mass 1, so nothing is trimmed), DistillKit's two published settings, and plain top 64 in
Parquet, over the same random positions of a vocabulary of 151,936 ids. One thread a side; a fresh process each. Rate is
positions per processor second, opening the files included. DistillKit is not on the package index: it is installed from its
repository, or from what DISTILLKIT names (a folder or address that pip can install). Where that fails, the result says so and
has its published sizes alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import harness

SOURCE = "git+https://github.com/arcee-ai/DistillKit@a61c2e7"
NEEDS = ["torch==2.13.0", "numpy", "pydantic~=2.12.4"]  # what its compression imports
OURS = ("ours-64", "ours-64-t2", "parquet-64")
THEIRS = ("distillkit-128", "distillkit-50")
PUBLISHED = {"distillkit-128": 300, "distillkit-50": 114}  # bytes a token, as its README says


def distillkit() -> tuple[Path | None, str]:
    """Python of DistillKit's environment, or None and why there is none."""
    python = harness.environment("distillkit", NEEDS)
    if subprocess.run([str(python), "-c", "import distillkit"], capture_output=True).returncode == 0:
        return python, ""
    source = os.environ.get("DISTILLKIT", SOURCE)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", source]
    done = subprocess.run(command, capture_output=True, text=True)
    return (python, "") if done.returncode == 0 else (None, done.stderr.strip()[-300:])


def ratios(variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Speed and bytes of ours at one temperature against each of the others."""
    ours = next(v for v in variants if v["name"] == "ours-64")
    others = [v for v in variants if "tokens_per_cpu_second" in v and not v["name"].startswith("ours")]
    return [
        {
            "ours": "ours-64",
            "against": v["name"],
            "case": "read",
            "speed": ours["tokens_per_cpu_second"] / v["tokens_per_cpu_second"],
            "speed_wall": ours["tokens_per_second"] / v["tokens_per_second"],
            "memory": ours["bytes_per_token"] / v["bytes_per_token"],
        }
        for v in others
    ]


def main() -> None:
    args = harness.arguments(__doc__ or "", ["read"])
    python, why = distillkit()
    sides: list[tuple[str, Path | str, str, list[str]]]
    sides = [(name, sys.executable, "benchmarks.sides.signals_ours", [name]) for name in OURS]
    if python:
        sides += [(name, python, "benchmarks.sides.signals_distillkit", [name]) for name in THEIRS]
    measured = harness.interleave(sides, args.repeats, 1)
    variants = [{"name": name, "case": "read", **harness.medians(runs)} for name, runs in measured.items()]
    for row in variants:
        row["published_bytes_per_token"] = PUBLISHED.get(row["name"])
    if python is None:
        variants += [
            {"name": n, "case": "read", "published_bytes_per_token": b, "not_run": why} for n, b in PUBLISHED.items()
        ]
    found = {"ours": harness.versions(sys.executable, ["torch", "numpy", "pyarrow"])}
    if python:
        found["distillkit"] = harness.versions(python, ["torch", "distillkit"])
    harness.finish(args, harness.report("signals", variants, ratios(variants), found, threads=1))


if __name__ == "__main__":
    main()
