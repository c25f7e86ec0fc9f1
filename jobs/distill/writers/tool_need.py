"""Easy questions are answered at once, hard ones with the tool: which is which is measured."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from ..tool_calls import CALCULATOR, Call, calls_of, compute, response
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about
from .common import KEPT, agree, final_answer, need_gold, need_sampling
from .template import Prompt

TOOLS = f"You may call these tools:\n<tools>\n{json.dumps(CALCULATOR)}\n</tools>"
HOW = 'To call one write <tool_call>{"name": "calculator", "arguments": {"expression": "12 * (3 + 4)"}}</tool_call> and wait for its result.'


class ToolNeed(Writer):
    """The student answers each question directly several times. Where it is right often enough the row holds the answer; where
    not, the teacher's solution with calls that were really carried out."""

    id = "tool-need"
    title = "Answers or calls, by difficulty"
    summary = (
        "Questions that the student answers rightly by itself stay without tools; for the others it learns to call the calculator. The "
        "share of right answers is kept with each row."
    )
    when_to_use = "A student that shall use a tool where it has to, and only there."
    formula = r"a(x) = \tfrac1k \sum_i \mathbb{1}[\hat y_i = y],\quad y' = y \text{ if } a(x) \ge \tau \text{ else } (c, r, y)"
    paper = Paper(
        title="Adapting While Learning: Grounding LLMs for Scientific Problems with Intelligent Tool Usage Adaptation",
        authors="Lyu, Cao, Watson-Parris, Bergen, Berg-Kirkpatrick, Yu", year=2024,
        url="https://arxiv.org/abs/2411.00412", arxiv="2411.00412",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "tools": "the tools with how they are called",
        "marker": "the word before the answer",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "direct": Prompt("{{question}}"),
        "solve": Prompt(
            "{{tools}}\n\nQuestion: {{question}}\n\nSolve it. Use the calculator for every sum, one call at a time. When you have the result write "
            "Answer: and the answer alone on the last line."
        ),
    }

    class Options(Options):
        tries: int = Field(8, ge=1, le=64, title="Direct answers", description="The student's, for each question.")
        easy: float = Field(
            0.5,
            ge=0,
            le=1,
            title="Easy from (share)",
            description="Of the direct answers that must be right for a question to count as easy.",
        )
        student: str = Field("student", max_length=40, title="Who answers directly")
        calls: int = Field(6, ge=1, le=30, title="Calls a solution, at most")
        keep_world: bool = Field(
            True,
            title="Also the answers alone",
            description="For hard questions also a row with the solution in words, without calls, for a first stage on knowledge (task 'knowledge').",
        )

    def seeds(self, rows: Any, options: Any, desk: Desk) -> Any:
        need_sampling(desk, options.tries, "The measure of difficulty")
        return super().seeds(rows, options, desk)

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, gold = seed.row, need_gold(seed.row)
        direct = desk.prompts["direct"].messages(about(row))
        turns = direct if desk.prompts["direct"] != self.prompts["direct"] else row.messages
        first = desk.number * options.tries
        replies = yield [
            replace(desk.say(turns, options.student, first + k), measures=True) for k in range(options.tries)
        ]
        accuracy = sum(r.ok and agree(r.text, gold) for r in replies) / len(replies)
        own = {name: row.fields[name] for name in KEPT if row.fields.get(name) is not None}
        system = ({"role": "system", "content": f"{TOOLS}\n{HOW}"},)
        asked = (*system, *(dict(m) for m in row.messages if m["role"] != "system"))
        found = {**own, "gold": gold, "direct_accuracy": round(accuracy, 4)}
        if accuracy >= options.easy:
            return [Made(asked, final_answer(gold), {**found, "task": "direct", "difficulty": "easy"})]
        talk = list(desk.prompts["solve"].messages(about(row, tools=f"{TOOLS}\n{HOW}", marker="Answer:")))
        spoken = list[tuple[str, str]]()  # what the model said up to its call, what the call gave
        for _ in range(options.calls + 1):
            (reply,) = yield [desk.say(talk, temperature=0.0, number=desk.number)]
            found_calls = [c for c in calls_of(reply.text) if isinstance(c, Call)]
            if not found_calls:
                break
            said = reply.text[: found_calls[0].end].strip()
            result = compute(found_calls[0])
            spoken.append((said, result))
            talk += [{"role": "assistant", "content": said}, response(result)]
        else:
            raise Unusable(f"it has not answered after {options.calls} calls")
        if not spoken:
            raise Unusable("a hard question was solved without a call")
        if not agree(reply.text, gold):
            raise Unusable(f"it ends in {final_answer(reply.text)[:60]!r}, right is {gold[:60]!r}")
        return self._hard(asked, spoken, reply.text.strip(), found, options)

    def _hard(self, asked: Any, spoken: Any, end: str, found: dict[str, Any], options: Any) -> list[Made]:
        """A row a turn of the solution: each call where it is due, and the answer from the results."""
        made, turns = list[Made](), tuple(asked)
        for k, (said, result) in enumerate(spoken, 1):
            made.append(Made(turns, said, {**found, "task": "tool", "difficulty": "hard", "turn": k}))
            turns = (*turns, {"role": "assistant", "content": said}, response(result))
        made.append(Made(turns, end, {**found, "task": "tool", "difficulty": "hard", "turn": len(spoken) + 1}))
        if options.keep_world:
            words = "\n".join([*(f"{s.split('<tool_call>')[0].strip()} {r}".strip() for s, r in spoken), end])
            made.append(Made(asked[1:], words, {**found, "task": "knowledge", "difficulty": "hard"}))
        return made
