"""Conversations with tools: left out and said, or written into the turns as text when a person asks for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jobs.distill.data.findings import Change, Findings
from jobs.distill.data.options import Options
from jobs.distill.data.scan import scan

CALL = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern", "days": 2}'}}
OPENAI = {
    "tools": [{"type": "function", "function": {"name": "weather"}}],
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather in Bern?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "2", "content": "20 degrees"},
        {"role": "assistant", "content": "Sunny."},
    ],
}
SHAREGPT = {
    "tools": '[{"name": "weather"}]',
    "conversations": [
        {"from": "human", "value": "Weather?"},
        {"from": "function_call", "value": '{"name": "weather", "arguments": {}}'},
        {"from": "observation", "value": "sunny"},
        {"from": "gpt", "value": "Sunny."},
    ],
}
PLAIN = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}


def read(folder: Path, *rows: dict[str, Any], **options: Any) -> tuple[Findings, list[Change]]:
    (folder / "x").write_text("\n".join(map(json.dumps, rows)))
    changes: list[Change] = []
    return scan(folder / "x", "x.jsonl", None, Options.model_validate(options), changed=changes.append), changes


def test_it_leaves_them_out_says_so_and_offers_the_other_way(tmp_path: Path) -> None:
    f, changes = read(tmp_path, OPENAI, PLAIN)
    assert [r["line"] for r in f.rows] == [2] and changes == []
    assert "tool calls" in f.refused[0].reason and f.offers["choices"][-1]["name"] == "tools"


def test_it_writes_calls_results_and_tools_as_text(tmp_path: Path) -> None:
    f, changes = read(tmp_path, OPENAI, PLAIN, tools="as_text")
    assert not f.refused and [c.what for c in changes] == ["tool calls as text"]
    assert [(m["role"], m["content"]) for m in f.rows[0]["messages"]] == [
        ("system", 'Be brief.\n\nYou may call these tools:\n<tools>\n{"type": "function", "function": {"name": "weather"}}\n</tools>'),
        ("user", "Weather in Bern?"),
        ("assistant", '<tool_call>\n{"name": "weather", "arguments": {"city": "Bern", "days": 2}}\n</tool_call>'),
        ("user", "<tool_response>\nsunny\n</tool_response>\n<tool_response>\n20 degrees\n</tool_response>"),
    ]  # fmt: skip
    assert f.rows[0]["answer"] == "Sunny."


def test_it_knows_the_names_of_sharegpt(tmp_path: Path) -> None:
    f, _ = read(tmp_path, SHAREGPT, tools="as_text")
    assert [m["role"] for m in f.rows[0]["messages"]] == ["system", "user", "assistant", "user"]
    assert f.rows[0]["messages"][2]["content"] == '<tool_call>\n{"name": "weather", "arguments": {}}\n</tool_call>'


def test_an_answer_may_itself_be_a_call(tmp_path: Path) -> None:
    row = {"messages": [PLAIN["messages"][0], {"role": "assistant", "content": "Let me see.", "tool_calls": [CALL]}]}
    f, _ = read(tmp_path, row, tools="as_text")
    assert (
        f.rows[0]["answer"]
        == 'Let me see.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Bern", "days": 2}}\n</tool_call>'
    )
