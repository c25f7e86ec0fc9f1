"""Answers with calls of the calculator that are really carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..parts import Options
from ..tool_calls import Call, calls_of, compute, response
from ..writers.common import agree, final_answer
from ..writers.tool_need import HOW, TOOLS, ToolNeed
from .base import Answered, Hand, Steps, Way, of_stage

if TYPE_CHECKING:
    from ..rows import Row


class WithTools(Way):
    id = "with-tools"
    title = "With the calculator"
    summary = "The student may call the calculator; calls are carried out, results go back, and the report says how often a call was needed."
    when_to_use = "After training on answers and calls by difficulty."
    formula = r"\mathrm{precision} = \frac{\#\{x : \text{called, and wrong without}\}}{\#\{x : \text{called}\}}"
    paper = ToolNeed.paper
    words = "Give the system turn of `use.json`; carry out every <tool_call> and answer it with a <tool_response> turn."

    class Options(Options):
        calls: int = Field(6, ge=1, le=30, title="Calls, at most")
        stage: str = Field(
            "", max_length=80, title="Stage", description="Whose adapter answers; empty: the student as it ends."
        )

    def adapters(self, options: Any) -> list[str]:
        return [options.stage] if options.stage else []

    def answer(self, row: Row, options: Any, hand: Hand) -> Steps:
        to = of_stage(options.stage)
        plain = tuple(m for m in row.messages if m["role"] != "system")
        turns = [{"role": "system", "content": f"{TOOLS}\n{HOW}"}, *map(dict, plain)]
        first, direct = yield [hand.say(turns, to), hand.say(plain, to)]
        reply, called = first, 0
        while called < options.calls:
            calls = [c for c in calls_of(reply.text) if isinstance(c, Call)]
            if not calls:
                break
            called += 1
            said = reply.text[: calls[0].end].strip()
            turns += [{"role": "assistant", "content": said}, response(compute(calls[0]))]
            (reply,) = yield [hand.say(turns, to)]
        facts = {"calls": float(called), "rows with a call": float(called > 0)}
        if called and row.answer:
            facts["tool precision"] = float(not agree(direct.text, row.answer))
        return Answered(final_answer(reply.text), {"without tools": final_answer(direct.text)}, facts)
