"""Columns beside question and answer: found with a reason, refused with the place, kept with the row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.data import extras
from jobs.distill.data.load import read_any
from jobs.distill.data.scan import scan


def imported(folder: Path, *records: dict[str, Any], roles: dict[str, str] | None = None) -> list[dict[str, Any]]:
    file = folder / "x.jsonl"
    file.write_text("\n".join(map(json.dumps, records)))
    return [{**r, "fields": json.loads(r["fields"] or "{}")} for r in read_any(file, roles)]


def test_it_finds_the_extra_columns_and_says_why(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    row = {"question": "2+2?", "answer": "4", "rationale": "Count on.", "domain": "maths", "weight": 0.5, "group": "g"}
    file.write_text(json.dumps({**row, "ranked": ["4", "five"], "privileged": "It is even."}))
    found = scan(file, "x.jsonl")
    why = {c["role"]: c["why"] for c in found.columns}
    assert why["rationale"] == 'named "rationale": the reasoning behind the answer' and "numbers" in why["weight"]
    assert imported(tmp_path, json.loads(file.read_text()))[0]["fields"] == {
        "domain": "maths", "rationale": "Count on.", "privileged": "It is even.", "group": "g", "weight": 0.5,
        "ranked": ["4", "five"],
    }  # fmt: skip


def test_a_person_maps_columns_of_any_name(tmp_path: Path) -> None:
    roles = {"user": "q", "assistant": "a", "rationale": "because", "domain": "shelf"}
    (row,) = imported(tmp_path, {"q": "?", "a": "!", "because": "so", "shelf": "top"}, roles=roles)
    assert row["fields"] == {"rationale": "so", "domain": "top"} and row["answer"] == "!"


@pytest.mark.parametrize(("cells", "words"), [
    ({"weight": "heavy"}, 'the weight is "heavy", not a number'), ({"weight": -1}, "the weight is -1; it must be 0 or more"),
    ({"ranked": ["one"]}, "not a list of answers"), ({"ranked": ["one", " "]}, "answer 2 of the ranking is empty"),
])  # fmt: skip
def test_it_refuses_a_wrong_cell_with_its_line(tmp_path: Path, cells: dict[str, Any], words: str) -> None:
    name = next(iter(cells))
    good = {"question": "q", "answer": "a", name: {"weight": 1, "ranked": ["a", "b"]}[name]}
    file = tmp_path / "x.jsonl"
    file.write_text("\n".join(map(json.dumps, (good, {**good, **cells}))))
    found = scan(file, "x.jsonl", {"user": "question", "assistant": "answer", name: name})
    assert found.outcome == "refuse" and words in found.problems[0].message and "line 2" in found.problems[0].message


def test_empty_cells_leave_nothing_behind(tmp_path: Path) -> None:
    first, second = imported(
        tmp_path, {"text": "a", "label": "x", "weight": 2}, {"text": "b", "label": "y", "weight": None}
    )
    assert first["fields"] == {"weight": 2.0} and second["fields"] == {}


@pytest.mark.parametrize("answer", [
    lambda text: text, lambda text: {"from": "gpt", "value": text}, lambda text: [{"role": "assistant", "content": text}],
    lambda text: [{"role": "user", "content": "hi"}, {"role": "assistant", "content": text}],
])  # fmt: skip
def test_it_reads_pairs_as_texts_turns_and_conversations(tmp_path: Path, answer: Any) -> None:
    (row,) = imported(tmp_path, {"prompt": "hi", "chosen": answer("yes"), "rejected": answer("no")})
    assert row["answer"] == "yes" and row["fields"] == {"chosen": "yes", "rejected": "no"}
    assert row["messages"] == [{"role": "user", "content": "hi"}]


def test_pairs_of_whole_conversations_need_no_column_of_questions(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]
    other = [turns[0], {"role": "assistant", "content": "no"}]
    (row,) = imported(tmp_path, {"chosen": turns, "rejected": other})
    assert row["messages"] == turns[:1] and row["fields"]["rejected"] == "no"
    elsewhere = [{"role": "user", "content": "bye"}, other[1]]
    (tmp_path / "x.jsonl").write_text(json.dumps({"chosen": turns, "rejected": elsewhere}))
    assert "chosen and rejected answer different conversations" in scan(tmp_path / "x.jsonl", "x").problems[0].message


def test_an_answer_beside_a_pair_stays_the_answer(tmp_path: Path) -> None:
    (row,) = imported(tmp_path, {"prompt": "hi", "answer": "gold", "chosen": "yes", "rejected": "no"})
    assert row["answer"] == "gold" and row["fields"] == {"chosen": "yes", "rejected": "no"}


def test_it_reads_a_conversation_with_a_pair_of_last_turns(tmp_path: Path) -> None:
    talk = [{"from": "human", "value": "hi"}]
    pair = {"chosen": {"from": "gpt", "value": "yes"}, "rejected": {"from": "gpt", "value": "no"}}
    (row,) = imported(tmp_path, {"conversations": talk, **pair})
    assert row["answer"] == "yes" and row["fields"] == {"chosen": "yes", "rejected": "no"}


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ({"a": 0.75, "b": 0.25}, {"a": 0.75, "b": 0.25}),
        ('{"a": 1}', {"a": 1.0}),
        ({"gpt": {"a": 1}, "votes": ["a", "b"]}, {"gpt": {"a": 1.0}, "votes": ["a", "b"]}),
        (["a", "a", "b"], ["a", "a", "b"]),
        ("", None),
        (None, None),
    ],
)
def test_soft_labels_are_probabilities_by_label_or_teacher_or_votes(cell, found):
    assert extras.soft(cell) == found


@pytest.mark.parametrize(
    ("cell", "words"), [({"a": -1}, "of 0 or more"), ({"a": "much"}, "of 0 or more"), ("a lot", "not an object")]
)
def test_soft_labels_that_are_none_are_refused_in_words(cell, words):
    with pytest.raises(extras.Wrong) as e:
        extras.soft(cell)
    assert words in e.value.args[0]
