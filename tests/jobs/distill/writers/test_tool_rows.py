from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.distill.rows import Row
from jobs.distill.tool_calls import Call
from jobs.distill.writers.base import Unusable
from jobs.distill.writers.tool_rows import layered, path_of
from tests.jobs.distill.writers.speaking import script, write

LIST = [{"name": "find", "parameters": {"properties": {"what": {"type": "string"}}, "required": ["what"]}}, {"name": "price", "parameters": {"properties": {"id": {"type": "string"}}}}]  # fmt: skip
SYSTEM = {"role": "system", "content": "<tools>\n" + "\n".join(map(json.dumps, LIST)) + "\n</tools>"}


def trace(
    *steps: tuple[str, dict[str, Any], str],
    answer: str = "Done.",
    asked: str = "Find a red chair and a blue table, with prices.",
) -> Row:
    turns = [SYSTEM, {"role": "user", "content": asked}]
    for name, arguments, result in steps:
        turns += [
            {"role": "assistant", "content": Call(name, arguments).text},
            {"role": "user", "content": f"<tool_response>\n{result}\n</tool_response>"},
        ]
    return Row("t", tuple(turns), answer, "train", 0, True)


PATH = trace(
    ("find", {"what": "red chair"}, '{"id": "c17"}'),
    ("price", {"id": "c17"}, "20"),
    ("find", {"what": "blue table"}, '{"id": "t88"}'),
    ("price", {"id": "t88"}, "90"),
)


def test_calls_that_need_nothing_share_a_step_and_the_graph_is_valid():
    first, second, end = write("parallel-calls", PATH, script())
    assert first.answer.count("<tool_call>") == 2 == second.answer.count("<tool_call>")
    assert end.fields["serial_steps"] == 4 and end.fields["steps"] == 2 and end.answer == "Done."
    assert second.messages[-1]["content"].count("<tool_response>") == 2 and '"c17"' in second.messages[-1]["content"]
    _, path, _ = path_of(PATH)
    levels = layered(path, PATH.messages[1]["content"])
    place = {i: k for k, level in enumerate(levels) for i in level}
    assert levels == [[0, 2], [1, 3]] and place[0] < place[1] and place[2] < place[3]


def test_a_value_of_the_question_makes_no_dependence():
    row = trace(("find", {"what": "red"}, "red c17"), ("find", {"what": "red chair"}, "c18"), asked="A red chair")
    _, path, _ = path_of(row)
    assert layered(path, "A red chair") == [[0, 1]]


def test_paths_that_stay_as_long_can_be_left_out():
    row = trace(("find", {"what": "chair"}, "c17"), ("price", {"id": "c17"}, "20"))
    with pytest.raises(Unusable, match="2 calls need each other"):
        write("parallel-calls", row, script(), only_shorter=True)


def test_harmful_turns_are_left_out_by_name_and_deciding_characters_weigh_more():
    row = trace(
        ("find", {"what": "red chair"}, '{"id": "c17"}'),
        ("price", {"id": 17}, "20"),
        ("price", {"id": "c18"}, "error: no such id"),
        ("sell", {"id": "c17"}, "ok"),
    )
    call, answer = write("tool-rows", row, script())
    assert call.fields["task"] == "call" and answer.answer == "Done." and answer.fields.get("paint") is None
    weighed = [call.answer[a:b] for a, b, w in call.fields["paint"] if w == 3.0]
    assert weighed == ["find", "red chair"]
    assert [r.split(":")[1].strip() for r in call.fields["left_out"]] == [
        "wrong type",
        "the call failed",
        "unknown tool",
    ]


def test_a_trace_without_calls_is_none():
    with pytest.raises(Unusable, match="calls no tool"):
        write("parallel-calls", trace(), script())
