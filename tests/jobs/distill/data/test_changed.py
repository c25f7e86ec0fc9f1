"""Texts that an import changes: counted, listed with their place before and after, and never silent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.data.findings import Change, Findings
from jobs.distill.data.listing import as_csv
from jobs.distill.data.options import Options
from jobs.distill.data.scan import scan

GOOD = '{"text":"a","label":"x"}\n'


def changes(folder: Path, data: bytes | str, name: str, **options: object) -> tuple[Findings, list[Change]]:
    path = folder / "upload"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    out: list[Change] = []
    return scan(path, name, None, Options.model_validate(options), changed=out.append), out


def test_nothing_changed_is_nothing_listed(tmp_path: Path) -> None:
    f, listed = changes(tmp_path, "text,label\n a ,x \nb,1e5\n", "x.csv")
    assert listed == [] and f.counts["changed"] == 0 and f.rows[0]["answer"] == "x "


def test_it_lists_labels_in_words_and_merged_labels(tmp_path: Path) -> None:
    data = "text,label\na,Lost_card\nb,lost card\nc,Lost_card\n"
    _, listed = changes(tmp_path, data, "x.csv", labels="words")
    assert [(c.line, c.column, c.what, c.before, c.after) for c in listed] == [
        (2, "label", "label in words", "Lost_card", "lost card"), (4, "label", "label in words", "Lost_card", "lost card"),
    ]  # fmt: skip
    _, merged = changes(
        tmp_path, "text,label\na,refund\nb,Refund \nc,refund\nd,x\ne,x\nf,x\n", "x.csv", merge_labels=True
    )
    assert [(c.line, c.what, c.before, c.after) for c in merged] == [(3, "label merged", "Refund ", "refund")]


@pytest.mark.parametrize(("name", "data"), [
    ("x.jsonl", GOOD + '{"text":"a\\u0000b","label":"x"}\n'), ("x.csv", "text,label\na,x\na\0b,x\n"), ("x.txt", "first line\na\0b\n"),
])  # fmt: skip
def test_it_removes_nul_characters_only_when_asked(tmp_path: Path, name: str, data: str) -> None:
    f, _ = changes(tmp_path, data, name)
    assert [r.code for r in f.refused] == ["nul"] and f.offers["remove_nul"]
    f, listed = changes(tmp_path, data, name, remove_nul=True)
    assert not f.refused and [(c.line, c.what, c.before, c.after) for c in listed] == [
        (listed[0].line, "NUL removed", "a\\u0000b", "ab")
    ]
    assert f.rows[1]["messages"][0]["content"] == "ab" and f.counts["changed"] == 1


def test_it_lists_what_was_read_as_windows_1252(tmp_path: Path) -> None:
    _, listed = changes(tmp_path, "text,label\nplain,x\ncafé,y\n".encode("cp1252"), "x.csv")
    assert [(c.line, c.column, c.before, c.after) for c in listed] == [(3, "text", "caf\\xe9", "café")]


def test_it_lists_joined_parts_and_answers_of_weight_0(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    row = {"messages": [*talk, {"role": "assistant", "content": "c", "weight": 0}]}
    _, listed = changes(tmp_path, json.dumps(row), "x.jsonl")
    assert {c.what: (c.before, c.after) for c in listed} == {
        "parts joined": (json.dumps(talk[0]["content"]), "a\nb"), "answer not trained: weight 0": ("c", ""),
    }  # fmt: skip


def test_a_listing_is_safe_in_a_spreadsheet() -> None:
    lines = list(as_csv("changed", [Change(3, "=x", "label in words", "=SUM(1)", "a\0b", "t.csv").as_dict()]))
    assert lines[1] == "t.csv,3,'=x,label in words,'=SUM(1),a\\u0000b\r\n"
