"""Parallel texts in an archive: line n of each file belongs together."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from jobs.distill.data.options import Options
from jobs.distill.data.rows import Row
from jobs.distill.data.scan import scan

GERMAN, ENGLISH = "Guten Tag.\n\nWie geht es?\n", "Good day.\n\nHow are you?"


def packed(folder: Path, **files: str) -> Path:
    with zipfile.ZipFile(folder / "x.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return folder / "x.zip"


def test_it_reads_parallel_files_line_by_line(tmp_path: Path) -> None:
    path = packed(
        tmp_path, **{"README.md": "about", "LICENSE": "free", "c.deu-eng.eng": ENGLISH, "c.deu-eng.deu": GERMAN}
    )
    rows: list[Row] = []
    found = scan(path, "x.zip", good=rows.append)
    assert found.outcome == "accept" and found.template["key"] == "translation"
    assert found.roles == {"user": "deu", "assistant": "eng"}  # as the name of the pair says
    assert [(r.messages[0]["content"], r.answer, r.line) for r in rows] == [
        ("Guten Tag.", "Good day.", 1),
        ("Wie geht es?", "How are you?", 3),
    ]
    assert found.counts["blank_lines"] == 1


def test_it_asks_which_group_is_meant_and_reads_it(tmp_path: Path) -> None:
    files = {f"talk.{pair}.{end}": ENGLISH for pair, end in (("en-de", "en"), ("en-de", "formal.de"), ("en-de", "informal.de"), ("en-hi", "en"), ("en-hi", "hi"))}  # fmt: skip
    path = packed(tmp_path, **files)
    asked = scan(path, "x.zip")
    assert (asked.outcome, asked.open_problems[0].code) == ("refuse", "zip_choice")
    assert [value for value, _ in asked.offers["choices"][0]["options"]] == ["talk.en-de", "talk.en-hi"]
    found = scan(path, "x.zip", options=Options(part="talk.en-de"))
    assert (found.outcome, list(found.roles.values())) == ("accept", ["en", "formal.de"])


def test_it_refuses_files_of_different_length_with_both_numbers(tmp_path: Path) -> None:
    found = scan(packed(tmp_path, **{"c.de": GERMAN, "c.en": "Good day.\n"}), "x.zip")
    assert found.outcome == "refuse"
    assert "c.de has 3, c.en has 1 lines" in found.problems[0].message


@pytest.mark.parametrize("names", [("a.txt", "b.txt"), ("notes.en", "LICENSE")])
def test_it_takes_no_other_files_for_parallel(names: tuple[str, str], tmp_path: Path) -> None:
    found = scan(packed(tmp_path, **dict.fromkeys(names, "one\ntwo\n")), "x.zip")
    assert found.form != "parallel texts, line by line"
