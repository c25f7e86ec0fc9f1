"""Tool-name/argument tokens get the set weight in loss (checked by hand); each planted error type has its own reward."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from jobs.distill.rewards.rules import OF_ERROR, reward_of
from jobs.distill.rows import Row
from jobs.distill.stages import plain_terms
from jobs.distill.tool_calls import ERRORS, Call
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import duo, written
from tests.jobs.distill.test_tool_calls import GOLD, call
from tests.jobs.distill.writers.speaking import write

TOOL = {"name": "f", "parameters": {"properties": {"x": {"type": "integer"}}, "required": ["x"]}}
TEXT = '<tool_call>{"name": "f", "arguments": {"x": 42}}</tool_call>'


def test_deciding_tokens_weigh_as_set_in_the_loss(tmp_path: Path) -> None:
    from jobs.distill.data.paint import painted_of

    row = Row("r", ({"role": "user", "content": "go"},), TEXT, "train", 0, True)
    (made,) = write("tool-rows", row, lambda *a: "", weight=4.0)
    fields = dict(made.fields)
    painted = Row("r", row.messages, TEXT, "train", 0, False, fields, painted_of("r", TEXT, fields))
    example = duo.RENDERER.example(painted)
    assert example.paint is not None
    heavy = duo.RENDERER.decode(example.ids[example.start :][example.paint == 4.0])
    assert heavy == "f42" and set(example.paint) == {1.0, 4.0}
    model = duo.learner(tmp_path)
    labels = torch.from_numpy(example.ids[example.start :].astype("int64"))
    nats = -duo.dense(model, example).gather(-1, labels[:, None])[:, 0]
    weight = torch.from_numpy(example.paint.astype("float64"))
    loss = float(duo.shares(model, plain_terms(), [example], "token_mean"))
    assert loss == pytest.approx(float((nats * weight).sum() / weight.sum()), abs=1e-6)


def test_each_kind_of_error_has_its_own_reward() -> None:
    answers = ["<tool_call>{</tool_call>", call("oracle"), call(), call(expression="1 + 2", more=1), "wrong type", "It is 3.", call(expression="9")]  # fmt: skip
    found = [reward_of("tool_calls", a, GOLD) for a in answers if a != "wrong type"]
    assert len(set(OF_ERROR.values())) == len(ERRORS) and reward_of("tool_calls", GOLD, GOLD) == 1.0
    assert (
        found[0] == OF_ERROR["format"] and found[1] == OF_ERROR["unknown tool"] and found[-1] == OF_ERROR["wrong value"]
    )
    assert found[-2] == OF_ERROR["wrong tool"] and all(r < 1 for r in found)


def test_traces_are_cleaned_and_both_stages_train(tmp_path: Path) -> None:
    given = scripted.rows([(f"go {n}", TEXT if n != 2 else "<tool_call>{</tool_call>") for n in range(12)])
    folder, report, _ = written.run(tmp_path / "run", "tl-training", given, lambda m: TEXT, answers=2)
    assert len(scripted.output(folder, "clean-traces")) == 7
    assert [r["reason"].split(":")[1].strip() for r in scripted.rejected(folder, "clean-traces")] == ["format"]
    assert len(report["trained"]) == 2 and json.loads(json.dumps(TOOL)) and Call("f", {"x": 1}).text
