"""A table of the published systems: title, group, acceptance sentence and how its acceptance test went.

`python -m tests.systems_table` runs the acceptance tests; `--junit FILE` reads an earlier run (`pytest --junitxml=FILE`).
Ends with 1 where a system that is said to work has no passing test.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import tempfile
import textwrap
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from jobs.distill.catalog import SYSTEMS
from jobs.distill.catalog.system import System

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "jobs" / "distill" / "systems"
UNTESTED = "no test"


def main() -> int:
    parser = argparse.ArgumentParser(description="acceptance of the published systems")
    parser.add_argument("--junit", type=Path, help="results of an earlier run; without it the tests run now")
    given = parser.parse_args()
    results = read(given.junit or run_tests())
    print(table(results))
    failing = [s.id for s in SYSTEMS.values() if s.status == "works" and verdict(results, s).split()[-1] != "passed"]
    print(f"\n{len(SYSTEMS)} systems, {len(SYSTEMS) - len(failing)} accepted.", *failing)
    return 1 if failing else 0


def test_of(system: System) -> Path:
    """Where the acceptance test of a system lies."""
    return FOLDER / f"test_{system.id.replace('-', '_').replace('.', '_')}.py"


def sentence(system: System) -> str:
    """The first paragraph of the test's docstring, on one line."""
    file = test_of(system)
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) if file.exists() else None
    return " ".join((said or "").split("\n\n")[0].split())


def run_tests() -> Path:
    """Runs the folder of acceptance tests; returns the XML it leaves."""
    place = Path(tempfile.mkdtemp()) / "systems.xml"
    command = [sys.executable, "-m", "pytest", str(FOLDER), "-q", f"--junitxml={place}"]
    subprocess.run(command, cwd=ROOT, stdout=sys.stderr)
    return place


def read(junit: Path) -> dict[str, list[str]]:
    """Name of a test module -> the outcome of each of its tests: passed, failed or skipped."""
    found: dict[str, list[str]] = defaultdict(list)
    for case in ElementTree.parse(junit).iter("testcase"):
        tags = {child.tag for child in case}
        outcome = "failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"
        module = next(
            (p for p in (case.get("classname") or case.get("name") or "").split(".") if p.startswith("test_")), ""
        )
        found[module].append(outcome)
    return found


def verdict(results: dict[str, list[str]], system: System) -> str:
    """`3 of 3 passed`, `1 of 3 failed`, or that there is no test; a skipped test accepts nothing."""
    outcomes = results.get(test_of(system).stem, [])
    if not outcomes:
        return UNTESTED
    for bad in ("failed", "skipped"):
        if n := outcomes.count(bad):
            return f"{n} of {len(outcomes)} {bad}"
    return f"{len(outcomes)} of {len(outcomes)} passed"


def table(results: dict[str, list[str]]) -> str:
    """Columns aligned; the sentence goes on in lines of its own column."""
    rows = [(s.id, s.title, s.group, verdict(results, s), sentence(s)) for s in SYSTEMS.values()]
    head = ("system", "title", "group", "result", "acceptance")
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(4)]
    indent = " " * (sum(widths) + 2 * len(widths))
    lines = []
    for row in (head, *rows):
        start = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + "  "
        lines.append(textwrap.fill(row[4] or "-", 100 + len(indent), initial_indent=start, subsequent_indent=indent))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
