"""A system that is said to work has an acceptance test, and the listings show every kind of part."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.distill import catalog
from jobs.distill.catalog.tables import KINDS
from tests import systems_table

ROOT = Path(__file__).resolve().parents[4]
WORKING = [s for s in catalog.SYSTEMS.values() if s.status == "works"]
JUNIT = """<testsuites><testsuite>
<testcase classname="tests.jobs.distill.systems.test_sft" name="test_a"/>
<testcase classname="tests.jobs.distill.systems.test_llm_neo" name="test_a"/>
<testcase classname="tests.jobs.distill.systems.test_llm_neo" name="test_b"><failure/></testcase>
<testcase classname="tests.jobs.distill.systems.test_seqkd" name="test_a"><skipped/></testcase>
<testcase classname="tests.jobs.distill.systems.test_all_recipes" name="test_it_runs[sft]"/>
<testcase classname="tests.jobs.distill.systems.test_all_recipes" name="test_it_runs[seqkd]"><failure/></testcase>
</testsuite></testsuites>"""


def listed(*arguments: str) -> str:
    command = [sys.executable, "-m", "jobs.distill", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("system", WORKING, ids=lambda s: s.id)
def test_a_system_that_works_has_an_acceptance_test_with_a_sentence(system):
    file = systems_table.test_of(system)
    assert file.exists(), f"{system.id} has status works and no {file.name}"
    assert len(systems_table.sentence(system)) > 20, f"{file.name} does not say what is accepted"
    assert "def test_" in file.read_text()


def test_every_acceptance_test_belongs_to_a_system():
    known = {systems_table.test_of(s).name for s in catalog.SYSTEMS.values()} | {systems_table.RECIPES.name}
    assert {p.name for p in systems_table.FOLDER.glob("test_*.py")} <= known


def test_the_command_line_lists_every_kind_of_part_with_formula_and_paper():
    parts = json.loads(listed("parts", "--json"))
    assert {p["kind"] for p in parts} == {"objective", *(kind for kind, table in KINDS.items() if table)}
    assert all(p["formula"] and "paper" in p for p in parts)
    assert len({(p["kind"], p["id"]) for p in parts}) == len(parts)


def test_people_get_groups_with_aligned_columns():
    lines = listed("systems").splitlines()
    rows = {line.split()[0]: line for line in lines if line.startswith("  ")}
    assert set(rows) == set(catalog.SYSTEMS)
    assert len({rows[s.id].rindex(s.question) for s in catalog.SYSTEMS.values()}) == 1
    first = next(s for s in catalog.SYSTEMS.values())
    group = [s for s in catalog.SYSTEMS.values() if s.group == first.group]
    assert lines[0] == f"{first.group} ({len(group)})"


def test_the_table_counts_only_what_passed(tmp_path):
    (tmp_path / "x.xml").write_text(JUNIT)
    results = systems_table.read(tmp_path / "x.xml")
    said = {id: systems_table.verdict(results, catalog.SYSTEMS[id]) for id in ("sft", "llm-neo", "seqkd", "word-kd")}
    assert said == {"sft": "1 of 1 passed", "llm-neo": "1 of 2 failed", "seqkd": "1 of 1 skipped", "word-kd": "no test"}
    ran = {id: systems_table.recipe(results, catalog.SYSTEMS[id]) for id in ("sft", "seqkd", "llm-neo")}
    assert ran == {"sft": "ran", "seqkd": "failed", "llm-neo": "not run"}
    assert [s.id for s in catalog.SYSTEMS.values() if systems_table.accepted(results, s)] == ["sft"]
    shown = systems_table.table(results)
    assert "/help/methods/sft/" in shown
    assert all(id in shown for id in catalog.SYSTEMS)
