"""`data profile` and `data contamination` over files, without the web app."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.cli.main import main

LONG = "please tell me why the card that I ordered last week has still not come to my new house"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    rows, exam = tmp_path / "rows.csv", tmp_path / "exam.csv"
    texts = [*(f"When does card {i} arrive?" for i in range(6)), "When does card 1 arrive?", f"So {LONG}?"]
    rows.write_text("text,label\n" + "".join(f"{t},{'ab'[i % 2]}\n" for i, t in enumerate(texts)))
    exam.write_text(f"text,label\n{LONG},a\nWHEN does card 2 arrive?,b\nNever asked,a\n")
    return rows, exam


def test_it_prints_findings(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "profile", str(files[0])]) == 0
    out = capsys.readouterr().out
    assert "8 of 8 rows looked at" in out and "2  rows whose text has two answers" in out and "English" in out
    assert main(["data", "profile", str(files[0]), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["closely"]["rows"] == 8


def test_it_finds_evaluation_rows(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "contamination", str(files[0]), "--against", str(files[1])]) == 0
    out = capsys.readouterr().out
    assert (
        "exam.csv: 2 of 3 evaluation rows" in out
        and "the same question: 1 rows; thirteen words in a row: 1 rows" in out
    )
    assert "row 8 holds" in out and "from row 1" in out
