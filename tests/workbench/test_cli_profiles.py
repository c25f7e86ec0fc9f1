"""`workbench datasets profile` and `contamination` against a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.workbench.make_profiles import finished, rows, tokenizer, version
from tests.workbench.test_cli import home, signed_in  # noqa: F401 - fixtures
from workbench import cli
from workbench.datasets import profiling
from workbench.datasets.models import DatasetVersion
from workbench.runs.models import Run


@pytest.fixture
def measured(signed_in: Any, alice: Any, team_a: Any, tmp_path: Path) -> DatasetVersion:  # noqa: F811
    tokenizer(team_a)
    found = version(team_a, rows(), tmp_path)
    finished(profiling.measure(found, team_a, alice), tmp_path / "run")
    return found


def test_it_prints_the_profile(measured: DatasetVersion, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert cli.main(["datasets", "profile", "cards"]) == 0
    out = capsys.readouterr().out
    assert "24 of 24 rows looked at" in out and "1  exact copies" in out and "tokens of Tiny: median" in out
    assert cli.main(["datasets", "profile", "cards", "--version", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["closely"]["rows"] == 24


def test_it_prints_what_stands_in_the_rows(
    measured: DatasetVersion, team_a: Any, alice: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = version(team_a, rows()[:2], tmp_path, "Exam")
    run = profiling.check_against(measured, team_a, alice, [(exam.pk, "all")])
    finished(run, tmp_path / "check")  # the same question: the command finds this run ended
    capsys.readouterr()
    assert cli.main(["datasets", "contamination", "cards", "--against", "exam"]) == 0
    assert "2 of 2 evaluation rows (100.0 %)" in capsys.readouterr().out
    assert Run.objects.filter(spec__has_key="against").count() == 1


def test_it_names_what_is_missing(measured: DatasetVersion, capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["profile"], "Say which dataset"),
        (["profile", "none"], "no dataset 'none'"),
        (["profile", "cards", "--version", "9"], "no version 9"),
        (["contamination", "cards"], "Say against what"),
    ):
        assert cli.main(["datasets", *words]) == cli.REFUSED
        assert said in capsys.readouterr().err
