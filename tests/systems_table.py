"""A table of the published systems: how the acceptance test of each went, its recipe on the sample models, its page, and
what is accepted.

`python -m tests.systems_table` runs the acceptance tests; `--junit FILE` reads an earlier run (`pytest --junitxml=FILE`).
Ends with 1 where a system that is said to work has no passing test or its recipe did not run.
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
RECIPES = FOLDER / "test_all_recipes.py"
UNTESTED = "no test"


def main() -> int:
    parser = argparse.ArgumentParser(description="acceptance of the published systems")
    parser.add_argument("--junit", type=Path, help="results of an earlier run; without it the tests run now")
    given = parser.parse_args()
    results = read(given.junit or run_tests())
    print(table(results))
    failing = [s.id for s in SYSTEMS.values() if s.status == "works" and not accepted(results, s)]
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
        if module == RECIPES.stem:
            found[recipe_key((case.get("name") or "").partition("[")[2].removesuffix("]"))].append(outcome)
    return found


def recipe_key(id: str) -> str:
    """The key of `read` under which the run of a system's recipe stands."""
    return f"{RECIPES.stem}[{id}]"


def recipe(results: dict[str, list[str]], system: System) -> str:
    """`ran`, `failed`, `skipped`, or that nobody ran it."""
    outcomes = results.get(recipe_key(system.id), [])
    return "not run" if not outcomes else next((o for o in outcomes if o != "passed"), "ran")


def page(system: System) -> str:
    """Where the workbench explains it."""
    return f"/help/methods/{system.id}/"


def accepted(results: dict[str, list[str]], system: System) -> bool:
    return verdict(results, system).endswith("passed") and recipe(results, system) == "ran"


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
    rows = [
        (s.id, s.title, s.group, verdict(results, s), recipe(results, s), page(s), sentence(s))
        for s in SYSTEMS.values()
    ]
    head = ("system", "title", "group", "test", "recipe", "page", "acceptance")
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head) - 1)]
    indent = " " * (sum(widths) + 2 * len(widths))
    lines = []
    for row in (head, *rows):
        start = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + "  "
        lines.append(textwrap.fill(row[-1] or "-", 100 + len(indent), initial_indent=start, subsequent_indent=indent))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
