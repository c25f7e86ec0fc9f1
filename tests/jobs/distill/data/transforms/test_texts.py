"""Steps that change texts: what they write, where they look, and what follows from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.distill.data.transforms import parse_steps
from jobs.distill.data.transforms.regex import quoted
from jobs.distill.data.transforms.texts import fields_of, texts_of, with_texts
from jobs.distill.errors import DataRefused

from .making import Made, done, row


def one(folder: Path, given: dict[str, Any], step: dict[str, Any]) -> dict[str, Any]:
    made = done(folder, [given], step)
    assert len(made.rows) == 1
    return made.rows[0]


@pytest.mark.parametrize("where", ["everywhere", "prompt", "question", "system", "answer", "beside"])
def test_texts_go_back_where_they_came_from(where: Any) -> None:
    given = row(
        "q", "yes", system="s", chosen="yes", rejected="no", ranked=["yes", "no"], rationale="r", privileged="p"
    )
    there = texts_of(given, where)
    assert with_texts(given, where, there) is given
    assert texts_of(with_texts(given, where, [t + "!" for t in there]), where) == [t + "!" for t in there]


def test_edit_changes_one_row_and_nothing_else(tmp_path: Path) -> None:
    rows = [row("a", "yes", 1), row("b", "no", 2, rationale="old")]
    step = {
        "kind": "edit",
        "row_id": rows[1]["row_id"],
        "question": "B?",
        "system": "Be brief.",
        "domain": "letters",
        "clear": ["rationale"],
    }
    made = done(tmp_path, rows, step)
    assert made.rows[0] == rows[0]
    assert [m["content"] for m in made.rows[1]["messages"]] == ["Be brief.", "B?"]
    assert fields_of(made.rows[1]) == {"domain": "letters"} and made.reasons("changed") == ["edited by hand"]


def test_edit_says_that_the_row_is_not_there(tmp_path: Path) -> None:
    made = done(tmp_path, [row("a")], {"kind": "edit", "row_id": "f" * 24, "answer": "x"})
    assert "There is no row" in made.logs[0].notes[0]


def test_a_chosen_answer_follows_the_answer(tmp_path: Path) -> None:
    given = row("q", "good", chosen="good", rejected="bad")
    assert (
        fields_of(one(tmp_path, given, {"kind": "edit", "row_id": given["row_id"], "answer": "better"}))["chosen"]
        == "better"
    )


def test_painted_spans_go_with_the_answer_they_were_painted_on(tmp_path: Path) -> None:
    given = row("q", "good answer", paint=[[0, 4, 0]])
    made = done(tmp_path, [given], {"kind": "replace", "find": "good", "replace_with": "better", "where": "answer"})
    assert "paint" not in fields_of(made.rows[0]) and "painted spans were removed" in made.reasons("changed")[0]
    other = done(tmp_path, [given], {"kind": "replace", "find": "q", "replace_with": "Q", "where": "question"})
    assert fields_of(other.rows[0])["paint"] == [[0, 4, 0]]


def test_an_emptied_answer_is_none_and_an_emptied_question_drops_the_row(tmp_path: Path) -> None:
    rows = [row("why", "because", 1), row("because", "why", 2)]
    made = done(tmp_path, rows, {"kind": "replace", "find": "because"})
    assert [(r["line"], r["answer"]) for r in made.rows] == [(1, None)]
    assert (
        "it is unlabelled" in made.reasons("changed")[0] and "user's text would be empty" in made.reasons("dropped")[0]
    )


@pytest.mark.parametrize(("step", "after"), [
    ({"find": "a.c", "replace_with": "x"}, "x axc"), ({"find": "a.c", "replace_with": "x", "regex": True}, "x x"), ({"find": "A.C", "ignore_case": True, "replace_with": "\\1"}, "\\1 axc"),
    ({"find": "(a)(.)c", "replace_with": r"\2\1", "regex": True}, ".a xa"),
])  # fmt: skip
def test_replace_takes_texts_as_written_and_groups_of_expressions(
    tmp_path: Path, step: dict[str, Any], after: str
) -> None:
    assert one(tmp_path, row("a.c axc", None), {"kind": "replace", **step})["messages"][0]["content"] == after


def test_replace_counts_the_places(tmp_path: Path) -> None:
    made = done(
        tmp_path, [row("a a a", "a", 1), row("b", "b", 2)], {"kind": "replace", "find": "a", "replace_with": "x"}
    )
    assert made.logs[0].notes == ["Found in 4 places."] and made.reasons("changed") == ["4 replacements"]


def test_a_quoted_text_finds_itself() -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    odd = "".join(map(chr, range(1, 256))) + "ünï\u200b日本"
    assert pc.match_substring_regex(pa.array([odd]), quoted(odd)).to_pylist() == [True]


def test_clean_trims_and_brings_to_one_form(tmp_path: Path) -> None:
    given = row("  e\u0301te\u200b\x00 \r\n a  b ", "ok ")
    after = one(tmp_path, given, {"kind": "clean", "invisible": True, "spaces": True})
    assert (after["messages"][0]["content"], after["answer"]) == ("éte \n a b", "ok")
    made = done(tmp_path, [given], {"kind": "clean"})
    assert made.reasons("changed") == ["NUL removed, line ends, NFC, trimmed"]


@pytest.mark.parametrize(("step", "after"), [
    ({"at_most": 9}, "When does"), ({"at_most": 11}, "When does"), ({"at_most": 11, "at_word": False}, "When does m"), ({"at_most": 9, "keep": "end"}, "arrive?"),
    ({"at_most": 100}, "When does my card arrive?"),
])  # fmt: skip
def test_truncate_cuts_at_a_word(tmp_path: Path, step: dict[str, Any], after: str) -> None:
    assert (
        one(tmp_path, row("When does my card arrive?"), {"kind": "truncate", **step})["messages"][0]["content"] == after
    )


def test_truncate_counts_tokens(tmp_path: Path, model_folder: Path) -> None:
    step = {"kind": "truncate", "at_most": 2, "unit": "tokens", "tokenizer": "tiny", "at_word": False}
    made = done(tmp_path, [row("When does my card arrive?")], step, tokenizers={"tiny": model_folder})
    assert made.asked == ["When does"]
    end = done(tmp_path, [row("I lost my card")], {**step, "keep": "end"}, tokenizers={"tiny": model_folder})
    assert end.asked == [" my card"]


def redacted(folder: Path, text: str, **more: Any) -> str:
    return str(one(folder, row(f"say {text} please", None), {"kind": "redact", **more})["messages"][0]["content"])


@pytest.mark.parametrize(("text", "kind"), [
    ("anna@example.org", "e-mail address"), ("4111 1111 1111 1111", "card number"), ("DE89 3704 0044 0532 0130 00", "IBAN"),
    ("AKIAABCDEFGHIJKLMNOP", "access key"),
    ("-----BEGIN PRIVATE KEY-----\nMIIabc\nxyz\n-----END PRIVATE KEY-----", "private key"),
])  # fmt: skip
def test_redact_puts_the_kind_in_the_place(tmp_path: Path, text: str, kind: str) -> None:
    assert redacted(tmp_path, text) == f"say [{kind}] please"
    assert redacted(tmp_path, text, placeholder="X") == "say X please"


def test_redact_leaves_other_kinds_and_reads_long_texts_whole(tmp_path: Path) -> None:
    assert "anna@" in redacted(tmp_path, "anna@example.org", kinds=["IBAN"])
    long = "word " * 9000 + "anna@example.org"
    for shift in range(0, 40, 7):  # wherever the parts of a long text meet
        assert "anna@" not in redacted(tmp_path, "x" * shift + " " + long)
    with pytest.raises(DataRefused, match="is not looked for"):
        parse_steps([{"kind": "redact", "kinds": ["shoe size"]}])


def labelled(folder: Path, labels: list[str | None], **step: Any) -> Made:
    rows = [row(f"question {i}", label, i) for i, label in enumerate(labels, 1)]
    return done(folder, rows, {"kind": "labels", **step})


def test_labels_are_renamed_and_merged(tmp_path: Path) -> None:
    made = labelled(tmp_path, ["a", "b", "c", None], names={"a": "x", "b": "x", "z": "y"})
    assert [r["answer"] for r in made.rows] == ["x", "x", "c", None]
    assert made.logs[0].notes == ["No row has the label “z”."] and made.reasons("changed")[0] == "“a” → “x”"


def test_labels_that_look_the_same_become_the_commonest(tmp_path: Path) -> None:
    made = labelled(tmp_path, ["Yes", "yes", "yes ", "Yes", "no"], merge_alike=True)
    assert [r["answer"] for r in made.rows] == ["Yes", "Yes", "Yes", "Yes", "no"]
    assert [r["answer"] for r in labelled(tmp_path, ["Card_lost?", "card lost"], in_words=True).rows] == [
        "card lost",
        "card lost",
    ]
