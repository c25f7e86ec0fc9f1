"""A document told as a conversation."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about
from .template import Prompt
from .texts import STRING, many, missing, names, read, record

TURN = record(role={"enum": ["user", "assistant"]}, content=STRING)
TURNS = record(turns=many(TURN, 2))


class Dialogue(Writer):
    """A dense document becomes a dialogue. Each assistant turn is one row, with what was said before it as the prompt, so
    that every assistant turn is learnt once and no user turn ever."""

    id = "dialogue"
    title = "Dialogue from a document"
    summary = "The model turns a document into a conversation of several turns that keeps the named facts."
    when_to_use = "Dense expert texts should become knowledge that a student can talk about."
    formula = (
        r"(u_1, a_1, \dots, u_n, a_n) \sim p_T(\cdot \mid d),\quad \ell = -\sum_i \log q(a_i \mid u_1, \dots, u_i)"
    )
    paper = Paper(
        title="Clinical Camel: An Open Expert-Level Medical Language Model with Dialogue-Based Knowledge Encoding",
        authors="Toma, Lawler, Ba, Krishnan, Rubin, Wang",
        year=2023,
        url="https://arxiv.org/abs/2305.12031",
        arxiv="2305.12031",
    )
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "document": "the row's text",
        "turns": "the option Questions",
        "missing": "named facts that the first dialogue left out, for the second try",
        "dialogue": "the first dialogue, for the second try",
    }
    FORM = '{"turns": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}'
    prompts: ClassVar[dict[str, Prompt]] = {
        "dialogue": Prompt(
            "{{document}}\n\n---\nTurn this text into a conversation between a user who wants to learn and an assistant "
            "who knows the text by heart. About {{turns}} questions, each answered before the next, from the main matter "
            "to the details. The assistant states every name, number and date of the text exactly and adds nothing that "
            "is not in it. Neither of them mentions the text.\n\nAnswer with JSON: " + FORM
        ),
        "again": Prompt(
            "{{document}}\n\n---\nThis conversation was made from the text:\n\n{{dialogue}}\n\nThe assistant never says "
            "these:\n{{missing}}\n\nWrite the whole conversation again so that the assistant says them where they "
            "belong.\n\nAnswer with JSON: " + FORM
        ),
    }

    class Options(Options):
        turns: int = Field(4, ge=1, le=30, title="Questions", description="A conversation, about.")
        facts: float = Field(
            0.8,
            ge=0,
            le=1,
            title="Facts kept",
            description="Share of the document's names and numbers that the assistant must say; else one more try is made.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, document = seed.row, seed.row.question
        values = about(row, document=document, turns=options.turns)
        wanted = names(document)
        (reply,) = yield [desk.ask("dialogue", values, schema=TURNS)]
        turns = turns_of(reply.text)
        lost = missing(wanted, spoken(turns))
        if wanted and 1 - len(lost) / len(wanted) < options.facts:
            again = {**values, "missing": lost, "dialogue": reply.text}
            (reply,) = yield [desk.ask("again", again, schema=TURNS)]
            turns = turns_of(reply.text)
            lost = missing(wanted, spoken(turns))
        kept = 1 - len(lost) / len(wanted) if wanted else 1.0
        if kept < options.facts:
            raise Unusable(
                f"it keeps {kept:.0%} of the facts, {options.facts:.0%} are wanted; not said: {', '.join(lost[:8])}"
            )
        fields = {"domain": row.fields.get("domain"), "facts_kept": round(kept, 4), "synthetic": True}
        return [
            Made(tuple(turns[:k]), turn["content"], {**fields, "turn": k // 2 + 1})
            for k, turn in enumerate(turns)
            if turn["role"] == "assistant"
        ]


def turns_of(text: str) -> list[dict[str, str]]:
    """The turns of a reply; raises Unusable unless user and assistant take turns and the user begins."""
    turns = [{"role": t["role"], "content": t["content"].strip()} for t in read(text, TURNS)["turns"]]
    for k, turn in enumerate(turns):
        expected = "assistant" if k % 2 else "user"
        if turn["role"] != expected:
            raise Unusable(f"turn {k + 1} is of the {turn['role']}; the {expected}'s is due")
        if not turn["content"]:
            raise Unusable(f"turn {k + 1} is empty")
    return turns


def spoken(turns: list[dict[str, str]]) -> str:
    return "\n".join(t["content"] for t in turns if t["role"] == "assistant")
