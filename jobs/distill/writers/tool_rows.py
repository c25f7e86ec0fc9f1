"""Rows of tool use: those that would harm are left out, the tokens that decide weigh more, serial calls become parallel ones."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from ..parts import Options, Paper
from ..tool_calls import Call, calls_of, problem_of, response, responses_of, tools_of
from .base import Desk, Made, Seed, Steps, Unusable, Writer
from .common import KEPT

FAILED = ("error", "exception", "traceback", "not found", "invalid", "unauthorized", "timed out", "timeout")


def said_failed(text: str) -> bool:
    """Whether a tool's result says that the call failed, or says nothing."""
    return not text.strip() or text.strip().lower().startswith(FAILED) or '"error"' in text.lower()


class ToolRows(Writer):
    """Each assistant turn that calls a tool becomes a row; rows with bad calls, or whose call failed, are left out by name."""

    id = "tool-rows"
    title = "Tool rows, weighed"
    summary = (
        "Turns with calls that do not fit their tool, or whose result was an error, are left out; names and arguments of tools weigh more "
        "in the loss."
    )
    when_to_use = "Recorded traces of tool use, as they come: with errors that nobody should learn."
    formula = r"\ell = \frac{\sum_t w_t\, \mathrm{CE}_t}{\sum_t w_t},\quad w_t = w \text{ for names and arguments of tools, else } 1"
    paper = Paper(
        title="TL-Training: A Task-Feature-Based Framework for Training Large Language Models in Tool Use",
        authors="Ye, Wu, Li, Yang and others", year=2024, url="https://arxiv.org/abs/2412.15495", arxiv="2412.15495",
    )  # fmt: skip

    class Options(Options):
        weight: float = Field(
            3.0,
            ge=0,
            le=100,
            title="Weight of deciding tokens",
            description="Names of tools and values of arguments; 1: as others.",
        )
        failed: bool = Field(
            True, title="Leave failed calls out", description="Turns whose result is an error or empty."
        )
        answers: bool = Field(True, title="Keep final answers", description="Turns without a call are learnt too.")

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        yield []
        turns = [*row.messages, *([{"role": "assistant", "content": row.answer}] if row.answer else [])]
        tools, made, why = tools_of(turns), list[Made](), list[str]()
        for k, turn in enumerate(turns):
            if turn["role"] != "assistant":
                continue
            after = turns[k + 1]["content"] if k + 1 < len(turns) else ""
            if reason := harmful(turn["content"], after, tools, options.failed):
                why.append(f"turn {k + 1}: {reason}")
                continue
            calls = calls_of(turn["content"])
            if not calls and not options.answers:
                continue
            made.append(self._made(row, turns[:k], turn["content"], calls, options.weight))
        if not made:
            raise Unusable("; ".join(why) or "no turn of it is one to learn")
        return [Made(m.messages, m.answer, {**m.fields, "left_out": why or None}) for m in made]

    def _made(self, row: Any, before: Sequence[Mapping[str, str]], text: str, calls: Any, weight: float) -> Made:
        own = {name: row.fields[name] for name in KEPT if row.fields.get(name) is not None}
        paint = [[a, b, weight] for call in calls for a, b in deciding(text, call)] if weight != 1 else []
        task = "call" if calls else "answer"
        return Made(tuple(before), text, {**own, "task": task, "paint": paint or None, "gold": text})


def harmful(text: str, result: str, tools: Mapping[str, Any], failed: bool) -> str | None:
    """Why a turn must not be learnt: a call that fits no tool, or whose result says that it failed."""
    calls = calls_of(text)
    for call in calls:
        if found := problem_of(call, tools or {c.name: {} for c in calls if isinstance(c, Call)}):
            return f"{found[0]}: {found[1]}"
    if failed and calls and result:
        for said in responses_of(result) or [result]:
            if said_failed(said):
                return f"the call failed: {' '.join(said.split())[:60] or 'no result'}"
    return None


def deciding(text: str, call: Call) -> list[tuple[int, int]]:
    """Characters of a call that decide: the tool's name and the values of its arguments, without their quotes. Rising."""
    spans, at = list[tuple[int, int]](), call.start
    for value in (call.name, *call.arguments.values()):
        written = json.dumps(value, ensure_ascii=False)
        begin = text.find(written, at, call.end)
        if begin < 0 and isinstance(value, str):
            written = json.dumps(value)
            begin = text.find(written, at, call.end)
        if begin < 0:
            continue
        quotes = 1 if isinstance(value, str) and len(written) > 2 else 0
        spans.append((begin + quotes, begin + len(written) - quotes))
        at = begin + len(written)
    return spans


class ParallelCalls(Writer):
    """A path of single calls becomes steps of calls that do not need each other's results."""

    id = "parallel-calls"
    title = "Serial calls made parallel"
    summary = "A call that uses nothing from an earlier result moves to the earliest step it can; calls of one step are made together."
    when_to_use = "Traces of one call after the other: the student shall ask for everything it can ask for at once."
    formula = r"\mathrm{step}(c) = 1 + \max\{\mathrm{step}(c') : c \text{ uses the result of } c'\}"
    paper = Paper(
        title="Divide-Then-Aggregate: An Efficient Tool Learning Method via Parallel Tool Invocation",
        authors="Zhu, Shi, Shi, Ren, Wang, Yan, Yin", year=2025, url="https://arxiv.org/abs/2501.12432", arxiv="2501.12432",
    )  # fmt: skip

    class Options(Options):
        only_shorter: bool = Field(
            False, title="Only shortened paths", description="Paths that stay as long as they were are left out."
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        yield []
        start, path, end = path_of(row)
        tools = tools_of(start)
        for call, _ in path:
            if tools and (found := problem_of(call, tools)):
                raise Unusable(f"{found[0]}: {found[1]}")
        asked = " ".join(m["content"] for m in start if m["role"] == "user")
        levels = layered(path, asked)
        if options.only_shorter and len(levels) == len(path):
            raise Unusable(f"its {len(path)} calls need each other one by one")
        own = {name: row.fields[name] for name in KEPT if row.fields.get(name) is not None}
        about_path = {"serial_steps": len(path), "steps": len(levels), "gold": end}
        turns, made = tuple(start), list[Made]()
        for k, level in enumerate(levels, 1):
            said = "\n".join(path[i][0].text for i in level)
            made.append(Made(turns, said, {**own, **about_path, "task": "call", "turn": k, "calls": list(level)}))
            results = response("\n</tool_response>\n<tool_response>\n".join(path[i][1] for i in level))
            turns = (*turns, {"role": "assistant", "content": said}, results)
        made.append(Made(turns, end, {**own, **about_path, "task": "answer", "turn": len(levels) + 1}))
        return made


def path_of(row: Any) -> tuple[list[dict[str, str]], list[tuple[Call, str]], str]:
    """(turns before the first call, calls with their results, the answer). Raises Unusable where the trace is none."""
    turns = [dict(m) for m in row.messages]
    first = next((i for i, m in enumerate(turns) if m["role"] == "assistant" and calls_of(m["content"])), None)
    if first is None:
        raise Unusable("it calls no tool")
    if not row.answer:
        raise Unusable("the path does not end in an answer")
    path, k = list[tuple[Call, str]](), first
    while k < len(turns):
        calls = calls_of(turns[k]["content"])
        if bad := [c for c in calls if not isinstance(c, Call)]:
            raise Unusable(f"turn {k + 1}: {bad[0].why}")
        results = responses_of(turns[k + 1]["content"]) if k + 1 < len(turns) else []
        if turns[k]["role"] != "assistant" or not calls or len(results) != len(calls):
            raise Unusable(f"turn {k + 1}: {len(calls)} calls and {len(results)} results")
        path += [(c, r) for c, r in zip(calls, results, strict=True) if isinstance(c, Call)]
        k += 2
    return turns[:first], path, str(row.answer)


def layered(path: Sequence[tuple[Call, str]], asked: str) -> list[list[int]]:
    """Places of the calls by step, each after everything whose result it uses."""
    level = list[int]()
    for i, (call, _) in enumerate(path):
        needs = [level[j] for j in range(i) if uses(call, path[j][1], asked)]
        level.append(max(needs, default=-1) + 1)
    return [[i for i, at in enumerate(level) if at == k] for k in range(max(level) + 1)]


def uses(call: Call, result: str, asked: str) -> bool:
    """Whether the value of an argument stands in the result as a whole word and cannot come from the question."""
    for value in _values(call.arguments):
        text = str(value).strip()
        if text and _stands(text, result) and not _stands(text, asked):
            return True
    return False


def _stands(text: str, where: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", where) is not None


def _values(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [v for inner in value.values() for v in _values(inner)]
    if isinstance(value, list):
        return [v for inner in value for v in _values(inner)]
    return [value] if not isinstance(value, bool) and value is not None else []
