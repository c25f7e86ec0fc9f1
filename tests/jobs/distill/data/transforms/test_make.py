"""The engine verb, the limited child, the command for files alone: one outcome, the same bytes, refusals with the step."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.cli.main import main
from jobs.distill.data.load import load_rows
from jobs.distill.data.transforms import KINDS, load_steps, parse_steps, recorded, schema
from jobs.distill.data.transforms.make import transform_dataset
from jobs.distill.data.verbs import file_sha256
from jobs.distill.errors import DataRefused, DatasetChanged
from jobs.distill.events import Events

from .making import row, version

ROOT = Path(__file__).parents[5]
ROWS = [row(f"question {i} for anna{i}@example.org", "ab"[i % 2], i) for i in range(40)] + [
    row("question 0 for anna0@example.org", "a", 99)
]
STEPS: list[dict[str, Any]] = [{"kind": "deduplicate"}, {"kind": "redact"}, {"kind": "split", "heldout": 0.3}]


def folder_with(place: Path, steps: Any = STEPS, **params: Any) -> Path:
    (place / "data").mkdir(parents=True)
    version(place / "data", ROWS)
    (place / "params.json").write_text(json.dumps({"steps": steps, **params}))
    return place


def test_the_verb_writes_rows_changes_and_report(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "run")
    report = transform_dataset(folder, Events(folder))
    assert report["counts"]["rows"] == len(load_rows(folder / "rows.parquet")) == 40
    assert report["counts"]["train"] + report["counts"]["heldout"] == 40
    assert report["sha256"] == file_sha256(folder / "rows.parquet") and report["steps"] == recorded(parse_steps(STEPS))
    lines = [json.loads(line) for line in (folder / "changes.jsonl").read_text().splitlines()]
    assert len(lines) == sum(c[what] for c in report["changes"] for what in ("dropped", "changed", "added"))
    assert json.loads((folder / "report.json").read_text())["task"]["kind"] == "classification"


def test_the_same_input_and_steps_have_the_same_hash(tmp_path: Path) -> None:
    found = [transform_dataset(f := folder_with(tmp_path / name), Events(f))["sha256"] for name in ("one", "two")]
    assert found[0] == found[1]


def test_other_rows_are_refused_with_both_hashes(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "run", sha256="a" * 64)
    with pytest.raises(DatasetChanged) as refused:
        transform_dataset(folder, Events(folder))
    assert (
        "aaaaaaaaaaaa" in refused.value.message
        and file_sha256(folder / "data/rows.parquet")[:12] in refused.value.message
    )


@pytest.mark.parametrize(("steps", "said"), [
    ([{"kind": "filter", "labels": ["a"]}, {"kind": "filter", "contains": "zz"}], "No row is left after step 2. Dropped by step 1, another label: 20 rows; step 2, does not contain “zz”: 21 rows."),
    ([{"kind": "clean"}], "The steps change nothing: all 41 rows stay as they are."),
    ([{"kind": "map_roles", "roles": {"user": "a"}}], "Step 1 (Map columns again), Roles: This version has no file of its own"),
    ([], "There is no step."),
])  # fmt: skip
def test_refusals_leave_nothing_behind(tmp_path: Path, steps: Any, said: str) -> None:
    folder = folder_with(tmp_path / "run", steps)
    with pytest.raises(DataRefused) as refused:
        transform_dataset(folder, Events(folder))
    assert said in refused.value.message
    assert not [p.name for p in folder.iterdir() if p.name.startswith(("rows", "changes", "tmp"))]


def ask(request: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "jobs.distill.data.transforms.child"], cwd=ROOT, input=json.dumps(request), capture_output=True, text=True, check=True
    )  # fmt: skip
    return dict(json.loads(done.stdout))


def test_the_child_looks_without_torch_and_tells_errors_in_words(tmp_path: Path) -> None:
    path = version(tmp_path, ROWS)
    seen = ask({"verb": "preview", "path": str(path), "steps": STEPS})
    assert (seen["before"], seen["after"], seen["complete"], len(seen["examples"])) == (41, 40, True, 20)
    assert {e["step"] for e in seen["examples"]} == {1, 2, 3}
    part = ask({"verb": "preview", "path": str(path), "steps": STEPS, "rows": 10})
    assert (part["before"], part["total"], part["complete"]) == (10, 41, False)
    wrong = ask({"verb": "preview", "path": str(path), "steps": [{"kind": "filter", "pattern": "["}]})
    assert wrong["error"]["field"] == "steps.1.pattern"


def test_the_command_makes_previews_and_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.csv").write_text("text,label\nI lost my card,lost\nI lost my card,lost\nWhen?,arrival\n")
    (tmp_path / "steps.yaml").write_text("- kind: deduplicate\n- kind: replace\n  find: card\n  replace_with: key\n")
    rows, steps, out = str(tmp_path / "rows.csv"), str(tmp_path / "steps.yaml"), tmp_path / "out"
    assert main(["data", "transform", rows, "--steps", steps, "--preview"]) == 0 and not out.exists()
    assert main(["data", "transform", rows, "--steps", steps, "--out", str(out)]) == 0
    assert "1. Remove duplicates: same question and answer: 3 rows in, 1 dropped" in capsys.readouterr().out
    assert main(["data", "transform", str(out / "rows.parquet"), "--steps", steps, "--out", str(out)]) == 4
    assert "change nothing" in capsys.readouterr().err and (out / "rows.parquet").exists()
    (tmp_path / "more.yaml").write_text("- {kind: replace, find: key, replace_with: ring}")
    main(
        [
            "data",
            "transform",
            str(out / "rows.parquet"),
            "--steps",
            str(tmp_path / "more.yaml"),
            "--out",
            str(tmp_path / "b"),
        ]
    )
    assert main(["data", "diff", str(out / "rows.parquet"), str(tmp_path / "b" / "rows.parquet")]) == 0
    assert "1 changed, 0 added, 0 removed, 1 same" in (said := capsys.readouterr().out) and "my -[key]+[ring]" in said


def test_steps_that_are_no_yaml_name_the_line() -> None:
    with pytest.raises(DataRefused, match="Line 3, column 1"):
        load_steps("- kind: filter\n- kind: [")
    with pytest.raises(DataRefused, match="“nothing” is no transform"):
        load_steps("steps:\n- kind: nothing\n")


def test_every_option_has_a_title_and_words_for_the_form() -> None:
    for one in schema():
        for name, option in one["options"]["properties"].items():
            assert name == "kind" or (option.get("title") and option.get("description")), (one["kind"], name)
    assert {one["kind"] for one in schema()} <= set(KINDS)
