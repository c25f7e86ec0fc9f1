"""Roles that are found in files as people have them, with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.data.findings import Findings
from jobs.distill.data.roles import check, guess
from jobs.distill.data.rows import Row
from jobs.distill.data.scan import scan
from jobs.distill.errors import DataRefused


def found_in(folder: Path, text: str, name: str = "x.json", roles: dict[str, str] | None = None) -> tuple[Findings, list[Row]]:  # fmt: skip
    (folder / name).write_text(text)
    rows: list[Row] = []
    return scan(folder / name, name, roles, good=rows.append), rows


@pytest.mark.parametrize(
    "row, roles",
    [
        ({"question": "Why?", "answer": "Because it is so, mostly.", "category": "Basics"}, {"user": "question", "assistant": "answer", "domain": "category"}),
        ({"question_1": "A?", "question_2": "B?", "similar": "1"}, {"user": "question_1", "context": "question_2", "assistant": "similar"}),
        ({"premise": "A.", "hypothesis": "B.", "label": "entailment"}, {"user": "premise", "context": "hypothesis", "assistant": "label"}),
        ({"en": "Word", "formal.de": "Wort", "informal.de": "Woertchen"}, {"user": "en", "assistant": "formal.de"}),
        ({"text": "At 5", "intents": ["when"], "slots": {"time": "5"}}, {"user": "text", "field:intents": "intents", "field:slots": "slots"}),
        ({"prompt": "Hi", "completion": "Hello there, friend", "label": True}, {"user": "prompt", "assistant": "completion", "weight": "label"}),
        ({"text": "Hi", "label": "greeting"}, {"user": "text", "assistant": "label"}),
    ],
)  # fmt: skip
def test_it_finds_the_roles_with_a_reason(row: dict[str, Any], roles: dict[str, str]) -> None:
    found = guess(list(row), [row] * 3)
    assert found.roles == roles
    assert set(found.why) == set(roles.values()) and all(found.why.values())


def test_lists_of_an_object_are_parts_of_the_split(tmp_path: Path) -> None:
    data = {"oos_val": [["what?", "oos"]], "train": [["pay my bill", "pay"], ["tip", "tip"]], "test": [["bill", "pay"]]}
    found, rows = found_in(tmp_path, json.dumps(data, indent=1))
    assert found.roles == {"user": "column 1", "assistant": "column 2", "split": "split"}
    assert [(r.messages[0]["content"], r.answer, r.split) for r in rows] == [
        ("what?", "oos", "heldout"), ("pay my bill", "pay", "train"), ("tip", "tip", "train"), ("bill", "pay", "heldout"),
    ]  # fmt: skip
    assert [r.line for r in rows] == [3, 9, 13, 19]


def test_the_one_list_of_an_object_is_read_and_said(tmp_path: Path) -> None:
    found, rows = found_in(
        tmp_path, '{"version": 1, "data": [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]}'
    )
    assert len(rows) == 2 and found.outcome == "confirm"
    assert any('"data" of an object' in p.message for p in found.problems)
    assert found_in(tmp_path, '{"a": {"b": [{"text": "a"}]}}')[0].problems[0].code == "not_a_list"


def test_lists_of_objects_become_rows(tmp_path: Path) -> None:
    data = [
        {"id": 1, "instruction": "Say", "instances": [{"input": "a", "output": "A"}, {"input": "b", "output": "B"}]},
        {"id": 2, "instruction": "Go", "instances": [{"input": "", "output": "C"}]},
    ]
    found, rows = found_in(tmp_path, json.dumps(data))
    assert [(r.messages[0]["content"], r.answer, r.source_id) for r in rows] == [("Say\n\na", "A", "1"), ("Say\n\nb", "B", "1"), ("Go", "C", "2")]  # fmt: skip
    assert "unfolded" in {p.code for p in found.problems}


def test_a_bad_answer_is_not_learnt(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    found, rows = found_in(tmp_path, json.dumps([{"messages": talk, "label": good} for good in (True, False)]))
    assert [r.answer for r in rows] == ["a", None]
    assert next(p for p in found.problems if p.code == "weight_zero").count == 1


def test_a_label_is_an_answer_that_a_person_calls_so(tmp_path: Path) -> None:
    data = "".join(json.dumps({"q": f"text {i}", "a": f"answer {i}"}) + "\n" for i in range(4))
    found, rows = found_in(tmp_path, data, "x.jsonl", {"user": "q", "label": "a"})
    assert (found.task["kind"], found.template["key"]) == ("classification", "classification")
    assert rows[0].answer == "answer 0"


@pytest.mark.parametrize(
    "roles, said",
    [
        ({"user": "a", "assistant": "b", "label": "c"}, "Two roles say what the answer is: assistant and label"),
        ({"user": "a", "label": "b", "field:x": "c"}, "Two roles say what the answer is: label and field"),
        ({"user": "a", "field:": "b"}, "there is no such role"),
    ],
)
def test_it_refuses_roles_that_contradict_each_other(roles: dict[str, str], said: str) -> None:
    with pytest.raises(DataRefused, match=said):
        check(roles, ["a", "b", "c"])
