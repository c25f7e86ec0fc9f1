from __future__ import annotations

from pathlib import Path

import pytest

from jobs.distill.data import scan as scanning


def test_it_says_when_only_the_beginning_was_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_left", lambda began, seconds: 1e-9)  # the time is up after the first look
    (tmp_path / "x").write_text("text,label\n" + "".join(f"question {i},{'ab'[i % 2]}\n" for i in range(2000)))
    found = scanning.scan(tmp_path / "x", "x.csv", seconds=1e-9)
    assert not found.complete and found.counts["read"] == 500 and found.outcome == "confirm"
    assert [p.code for p in found.problems if p.severity == "confirm"] == ["later_warnings"]
