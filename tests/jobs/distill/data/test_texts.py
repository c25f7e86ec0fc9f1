"""Tagged sentences and plain text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.data.findings import Findings
from jobs.distill.data.options import Options
from jobs.distill.data.read_conll import spans
from jobs.distill.data.scan import scan

CONLL = "-DOCSTART- O\n\nMaria\tB-person\nflew\tO\nto\tO\nNew\tB-place\nYork\tI-place\n.\tO\n\t\nHi\tO\n"


def found(
    folder: Path,
    text: str,
    name: str,
    roles: dict[str, str] | None = None,
    options: Options = Options(),  # noqa: B008
) -> Findings:
    path = folder / "upload"
    path.write_text(text, encoding="utf-8", newline="")
    return scan(path, name, roles, options)


@pytest.mark.parametrize("name", ["x.conll", "x.annotated", "x.txt", "x"])
def test_it_reads_tagged_sentences_by_name_or_content(tmp_path: Path, name: str) -> None:
    f = found(tmp_path, CONLL, name)
    assert f.outcome == "confirm" and f.form == "tagged sentences (CoNLL)" and f.counts["rows"] == 2
    first, second = f.rows
    assert first["messages"][0]["content"] == "Maria flew to New York ." and first["line"] == 3
    assert json.loads(first["answer"]) == [{"type": "person", "text": "Maria"}, {"type": "place", "text": "New York"}]
    assert second["answer"] == "[]"


@pytest.mark.parametrize(("column", "answer"), [
    ("marked", "[Maria](person) flew to [New York](place) ."), ("tags", "B-person O O B-place I-place O"),
])  # fmt: skip
def test_the_form_of_the_answer_is_the_choice_of_a_role(tmp_path: Path, column: str, answer: str) -> None:
    f = found(tmp_path, CONLL, "x.conll", {"user": "sentence", "assistant": column})
    assert f.rows[0]["answer"] == answer


@pytest.mark.parametrize(("tags", "entities"), [
    ("B-a I-a O B-b", [("a", 0, 2), ("b", 3, 4)]), ("I-a I-a I-b", [("a", 0, 2), ("b", 2, 3)]), ("S-a B-b E-b", [("a", 0, 1), ("b", 1, 3)]),
    ("B-a B-a", [("a", 0, 1), ("a", 1, 2)]), ("U-a L-a O", [("a", 0, 2)]), ("O O", []),
])  # fmt: skip
def test_it_joins_tags_into_entities(tags: str, entities: list[tuple[str, int, int]]) -> None:
    assert spans(tags.split()) == entities


def test_it_names_the_line_without_a_tag(tmp_path: Path) -> None:
    f = found(tmp_path, "a\tO\nb\n\nc\tO\nd\t\n\ne\tO\n", "x.conll", options=Options(accepted=("bad_rows",)))
    assert [(r.line, r.reason) for r in f.refused] == [(2, "1 field, expected 2"), (5, "the token 'd' has no tag")]
    assert [r["line"] for r in f.rows] == [7]


def test_it_reads_parts_of_speech_and_conll_u(tmp_path: Path) -> None:
    fields = lambda i, form, tag: "\t".join([i, form, "_", tag, *["_"] * 6])  # noqa: E731
    text = (
        "# text = du\n"
        + "\n".join([fields("1-2", "du", "_"), fields("1", "de", "ADP"), fields("2", "le", "DET")])
        + "\n\n"
    )
    f = found(tmp_path, text, "x.conllu", {"user": "sentence", "assistant": "marked"})
    assert (f.rows[0]["messages"][0]["content"], f.rows[0]["answer"]) == ("de le", "de/ADP le/DET")


def test_plain_text_becomes_a_row_a_line(tmp_path: Path) -> None:
    f = found(tmp_path, "First, a line; with marks.\n\nSecond line.\r\nThird\tline, and more.\n", "x.txt")
    assert f.format == "text" and [r["messages"][0]["content"] for r in f.rows] == [
        "First, a line; with marks.", "Second line.", "Third\tline, and more.",
    ]  # fmt: skip
    assert {p.code for p in f.problems} >= {"plain_text", "no_answers"} and f.counts["blank_lines"] == 1
    assert [o[0] for o in f.offers["choices"][0]["options"]] == ["lines", "paragraphs"]


def test_plain_text_becomes_a_row_a_paragraph_when_chosen(tmp_path: Path) -> None:
    f = found(tmp_path, "One\ntwo.\n\n\nThree.\n", "x.md", options=Options(text="paragraphs", accepted=("no_answers",)))
    assert f.outcome == "accept"
    assert [(r["line"], r["messages"][0]["content"]) for r in f.rows] == [(1, "One\ntwo."), (5, "Three.")]


def test_a_text_with_the_same_fields_on_each_line_is_a_table(tmp_path: Path) -> None:
    assert found(tmp_path, "text;label\na;x\nb;y\n", "x.txt").roles == {"user": "text", "assistant": "label"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize(("name", "text"), [("x.txt", "größe\nzwei\n"), ("x.conll", "größe\tO\n\nzwei\tB-a\n")])
def test_it_finds_the_encoding(tmp_path: Path, encoding: str, name: str, text: str) -> None:
    (tmp_path / "x").write_bytes(text.encode(encoding))
    f = scan(tmp_path / "x", name)
    assert f.rows[0]["messages"][0]["content"] == "größe" and f.rows[1]["messages"][0]["content"] == "zwei"


def test_it_names_utf_32(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes("text,label\na,b\n".encode("utf-32"))
    assert "UTF-32" in scan(tmp_path / "x", "x.csv").problems[0].message
