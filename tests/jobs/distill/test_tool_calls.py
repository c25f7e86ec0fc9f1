from __future__ import annotations

import json
import time

import pytest

from jobs.distill.tool_calls import CALCULATOR, ERRORS, Broken, Call, calls_of, compute, error_of, problem_of, tools_of

TOOLS = {"calculator": CALCULATOR, "weather": {"name": "weather", "parameters": {"properties": {"city": {"type": "string"}}, "required": ["city"]}}}  # fmt: skip


def call(name: str = "calculator", **arguments: object) -> str:
    return Call(name, arguments).text


GOLD = call(expression="1 + 2")


def test_calls_are_read_where_they_stand():
    text = f"First {GOLD} then {call('weather', city='Rome')}"
    one, two = calls_of(text)
    assert isinstance(one, Call) and one.arguments == {"expression": "1 + 2"} and text[one.start : one.end] == GOLD
    assert isinstance(two, Call) and two.name == "weather"


@pytest.mark.parametrize("text", ["<tool_call>{}</tool_call>", "<tool_call>[1]</tool_call>", "<tool_call>{\"name\": 1}</tool_call>", "<tool_call>{"])  # fmt: skip
def test_what_is_no_call_is_broken(text: str):
    assert [type(c) for c in calls_of(text)] == [Broken]


@pytest.mark.parametrize("inside", [" " * 3000, "[" * 100_000, "<tool_call>" * 20_000])
def test_what_a_model_repeats_is_read_in_one_walk(inside: str):
    began = time.process_time()
    assert {type(c) for c in calls_of(f"<tool_call>{inside}")} == {Broken}
    assert {type(c) for c in calls_of(f"<tool_call>{inside}</tool_call>")} == {Broken}
    assert tools_of([{"content": f"<tools>{inside}</tools>"}]) == {} == tools_of([{"content": f"<tools>{inside}"}])
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "parameters", [[1], {"properties": ["a"]}, {"properties": {"a": "text"}}, {"required": 5}, {"required": [["a"]]}]
)
def test_a_list_of_tools_that_is_odd_says_nothing_and_raises_nothing(parameters: object):
    tools = tools_of([{"content": f"<tools>\n{json.dumps({'name': 'odd', 'parameters': parameters})}\n</tools>"}])
    assert problem_of(Call("odd", {"a": 1}), tools) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<tool_call>{nonsense}</tool_call>", "format"),
        (call("oracle", q="x"), "unknown tool"),
        (call(), "missing argument"),
        (call(expression="1 + 2", precision=3), "unknown argument"),
        (call(expression=3), "wrong type"),
        (call("weather", city="Rome"), "wrong tool"),
        ("It is 3.", "wrong tool"),
        (call(expression="1 + 3"), "wrong value"),
    ],
)
def test_each_kind_of_error_is_told_apart(text: str, kind: str):
    found = error_of(text, GOLD, TOOLS)
    assert found and found[0] == kind and kind in ERRORS


def test_the_same_calls_in_another_order_are_right():
    both = call("weather", city="Rome") + GOLD
    assert error_of(GOLD + call("weather", city="Rome"), both, TOOLS) is None
    assert error_of(GOLD, GOLD, {}) is None


def test_tools_are_read_from_the_turns():
    text = f"You may call these tools:\n<tools>\n{json.dumps(CALCULATOR)}\nno json\n</tools>"
    found = tools_of([{"role": "system", "content": text}])
    assert list(found) == ["calculator"] and problem_of(Call("calculator", {"expression": "1"}), found) is None


def test_the_calculator_computes_and_refuses():
    assert compute(Call("calculator", {"expression": "12 * (3 + 4)"})) == "84"
    assert compute(Call("calculator", {"expression": "1 / 4"})) == "0.25"
    assert compute(Call("calculator", {"expression": "__import__('os')"})).startswith("error:")
    assert compute(Call("calculator", {})).startswith("error:")
