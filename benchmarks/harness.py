"""What every benchmark shares: environments for competitors, interleaved runs, medians, one JSON object.

A side is a module run in a fresh process of its own environment; it prints one JSON line with what it measured.
Runs of the sides are interleaved (a, b, a, b ...) so that a slow minute of the machine hits both.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "benchmarks"


def environment(name: str, packages: list[str]) -> Path:
    """Python of the environment `benchmarks/.env-<name>`, made with pip on first use. Competitors never share ours."""
    folder = HERE / f".env-{name}"
    python, stamp = folder / "bin" / "python", folder / ".packages"
    wanted = "\n".join(packages)
    if not stamp.exists() or stamp.read_text() != wanted:
        say(f"making the environment for {name}: {' '.join(packages)}")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True
        )
        stamp.write_text(wanted)
    return python


def measure(python: Path | str, module: str, arguments: list[str], threads: int) -> dict[str, Any]:
    """Runs one side once. Raises RuntimeError with the end of what it said when it fails."""
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run([str(python), "-m", module, *arguments], cwd=ROOT, env=env, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"')]
    if done.returncode != 0 or not lines:
        raise RuntimeError(
            f"{module} {' '.join(arguments)} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}"
        )
    return dict(json.loads(lines[-1]))


Side = tuple[str, Path | str, str, list[str]]  # name, python, module, arguments


def interleave(sides: list[Side], repeats: int, threads: int) -> dict[str, list[dict[str, Any]]]:
    """sides: (name, python, module, arguments). Returns the measurements of each name, in order."""
    results: dict[str, list[dict[str, Any]]] = {name: [] for name, *_ in sides}
    for turn in range(repeats):
        for name, python, module, arguments in sides:
            began = time.monotonic()
            results[name].append(measure(python, module, arguments, threads))
            say(f"{turn + 1}/{repeats} {name} {' '.join(arguments)}: {time.monotonic() - began:.0f} s")
    return results


def matmul_rate(threads: int, case: str = "") -> float:
    """Operations a processor second of the machine's products in float32, or, for a case of `gpu_step`, a second of its own
    device and number format: see `sides.matmul`."""
    return float(
        measure(sys.executable, "benchmarks.sides.matmul", [case] if case else [], threads)["flops_per_second"]
    )


def limits(row: dict[str, Any], flops: int, moved: int, rate: float) -> dict[str, Any]:
    """What no other program could do away with: products at the measured rate, and bytes that must pass through memory.

    matmul_share: part of the processor time that is matrix products at the rate measured in this run.
    """
    floor = flops / rate
    return {
        "matmul_flops": flops,
        "matmul_floor_cpu_seconds": floor,
        "matmul_share": floor / row["cpu_seconds"],
        "bytes_moved": moved,
        "bytes_per_cpu_second": moved / row["cpu_seconds"],
    }


def medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Median of every number; other values as in the first run; plus the number of runs."""
    out: dict[str, Any] = {}
    for key, first in runs[0].items():
        numeric = isinstance(first, (int, float)) and not isinstance(first, bool)
        out[key] = statistics.median(r[key] for r in runs) if numeric else first
    return {**out, "runs": len(runs)}


def machine() -> dict[str, Any]:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": model, "cores": os.cpu_count(), "memory_bytes": memory, "system": platform.platform()}


def versions(python: Path | str, packages: list[str]) -> dict[str, str]:
    code = "import sys, json, importlib.metadata as m; print(json.dumps({p: m.version(p) for p in sys.argv[1:]}))"
    return dict(
        json.loads(
            subprocess.run([str(python), "-c", code, *packages], capture_output=True, text=True, check=True).stdout
        )
    )


def report(
    benchmark: str,
    variants: list[dict[str, Any]],
    ratios: list[dict[str, Any]],
    all_versions: dict[str, Any],
    **more: Any,
) -> dict[str, Any]:
    """The one object a benchmark prints. speed above 1: ours is faster; memory below 1: ours is smaller."""
    return {
        "benchmark": benchmark,
        "machine": machine(),
        "versions": all_versions,
        **more,
        "variants": variants,
        "ratios": ratios,
    }


def arguments(description: str, cases: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print the result as JSON only")
    parser.add_argument("--case", action="append", choices=cases, help="only this case (may be repeated)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--save", type=Path, help="also write the result here")
    return parser.parse_args()


def finish(args: argparse.Namespace, result: dict[str, Any]) -> None:
    text = json.dumps(result, indent=1)
    if args.save:
        args.save.write_text(text + "\n")
    if args.json:
        print(text)
        return
    for row in result["variants"]:
        print(json.dumps(row))
    for row in result["ratios"]:
        print(
            f"{row['case']}: {row['ours']} against {row['against']}: {row['speed']:.2f} times the speed, {row['memory']:.2f} of the memory"
        )


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
