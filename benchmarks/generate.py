"""Asking a teacher over HTTP: ours, with its ledger on, against the plain OpenAI client and distilabel.

    python -m benchmarks.generate --json

A local server answers each question after a fixed latency and does next to nothing else. Capacity is concurrency divided
by latency; `raw` is what bytes over sockets reach. Cases quarter-second and second: 64 questions at once, each takes that
long. Case long: 50,000 questions, 64 at once, 25 ms each, ours alone, for the memory. Each competitor runs in its own environment; one that cannot be installed is said.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from . import harness

CASES = {"quarter-second": (4096, 64, 250), "second": (1536, 64, 1000), "long": (50_000, 64, 25)}
PACKAGES = {"openai": ["openai==3.54.0"], "distilabel": ["distilabel[openai]", "requests"]}
ENVIRONMENTS = {"openai": "openai-client", "distilabel": "distilabel"}


def competitors() -> dict[str, Path]:
    """Name -> python, of those that can be installed here."""
    found = {}
    for name, packages in PACKAGES.items():
        try:
            found[name] = harness.environment(ENVIRONMENTS[name], packages)
        except subprocess.CalledProcessError:
            harness.say(f"{name} cannot be installed here; it is left out")
    return found


def run_case(case: str, others: dict[str, Path], repeats: int, threads: int) -> list[dict[str, Any]]:
    arguments = [str(n) for n in CASES[case]]
    module = "benchmarks.sides.generate"
    sides: list[harness.Side] = [("ours", sys.executable, module, ["ours", *arguments])]
    if case != "long":
        sides.append(("raw", sys.executable, module, ["raw", *arguments]))
        sides += [(name, python, module, [name, *arguments]) for name, python in others.items()]
    found = harness.interleave(sides, 1 if case == "long" else repeats, threads)
    return [{"name": name, "case": case, **harness.medians(runs)} for name, runs in found.items()]


def ratios(variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    out = []
    for theirs in (v for v in variants if v["name"] != "ours"):
        mine = next(v for v in variants if v["case"] == theirs["case"] and v["name"] == "ours")
        out.append(
            {
                "ours": "ours",
                "against": theirs["name"],
                "case": theirs["case"],
                "speed": mine["requests_per_second"] / theirs["requests_per_second"],
                "overhead": mine["cpu_ms_per_request"] / theirs["cpu_ms_per_request"],
                "memory": mine["peak_bytes"] / theirs["peak_bytes"],
            }
        )
    return out


def main() -> None:
    args = harness.arguments(__doc__ or "", list(CASES))
    others = competitors()
    variants = [v for case in args.case or CASES for v in run_case(case, others, args.repeats, args.threads)]
    found: dict[str, Any] = {"ours": harness.versions(sys.executable, ["h11", "pydantic"])}
    found |= {name: harness.versions(python, [name, "openai"]) for name, python in others.items()}
    harness.finish(args, harness.report("generate", variants, ratios(variants), found, threads=args.threads))


if __name__ == "__main__":
    main()
