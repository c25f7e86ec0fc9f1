"""Draft, refinement and critique, all of them kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from ..parts import Options, Paper
from ..verifiers.structured import json_of
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about, answered
from .template import Prompt
from .texts import read, record, stripped

if TYPE_CHECKING:
    from ..rows import Row

VERDICT = {"enum": ["accept", "reject"]}
CRITIQUE = record(draft=VERDICT, refined=VERDICT, why={"type": "string"})


class Refinement(Writer):
    """A draft, a refined text, a critic who judges both. Accepted beside rejected becomes a pair; both rejected starts
    another round from the critic's words."""

    id = "draft-refine-critique"
    title = "Draft, refine, critique"
    summary = "The model drafts, refines and criticises; rejected drafts become the rejected side of a pair."
    when_to_use = "Answers have a form that is hard to get right at once, such as extraction from web pages."
    formula = (
        r"d \sim p_T(\cdot \mid x),\ \hat y \sim p_T(\cdot \mid x, d),\ (v_d, v_y) \sim p_C(\cdot \mid x, d, \hat y)"
    )
    paper = Paper(
        title="ReaderLM-v2: Small Language Model for HTML to Markdown and JSON",
        authors="Wang, Shi, Wang, Wang, Xiao",
        year=2025,
        url="https://arxiv.org/abs/2503.01151",
        arxiv="2503.01151",
    )
    answers = True
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "instruction": "the option Instruction",
        "draft": "the draft",
        "refined": "the refined text",
        "why": "what the critic said in the round before",
    }
    pairs = True
    prompts: ClassVar[dict[str, Prompt]] = {
        "draft": Prompt("{{instruction}}\n\n{{question}}\n\nEarlier criticism to heed: {{why}}"),
        "refine": Prompt(
            "{{instruction}}\n\n{{question}}\n\n---\nA draft of the answer:\n\n{{draft}}\n\n---\nCheck the draft against "
            "the input, part by part: what is missing, made up, out of order, or not in the asked form? Then write the "
            "corrected answer. The answer alone."
        ),
        "critique": Prompt(
            "{{instruction}}\n\n{{question}}\n\n---\nAnswer A:\n\n{{draft}}\n\n---\nAnswer B:\n\n{{refined}}\n\n---\n"
            "Judge each answer on its own: accept it when it is complete, true to the input and in the asked form; "
            'otherwise reject it.\n\nAnswer with JSON: {"draft": "accept or reject, for A", "refined": "accept or reject, '
            'for B", "why": "one sentence"}'
        ),
    }

    class Options(Options):
        instruction: str = Field(
            "", max_length=20_000, title="Instruction", description="What is to be done with the input."
        )
        form: Literal["any", "json"] = Field(
            "any",
            title="Form",
            description="json: each text is parsed, and one that is no JSON counts as rejected whatever the critic says.",
        )
        rounds: int = Field(2, ge=1, le=10, title="Rounds", description="At most, while the critic rejects both.")
        critic: str = Field(
            "", max_length=40, title="Who criticises", description="A name of the recipe; empty: who writes."
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, values = seed.row, about(seed.row, instruction=options.instruction, why="")
        kept = list[dict[str, Any]]()
        for n in range(options.rounds):
            (reply,) = yield [desk.ask("draft", values, number=desk.number + 1000 * n)]
            draft = stripped(reply.text)
            (reply,) = yield [desk.ask("refine", {**values, "draft": draft})]
            refined = stripped(reply.text)
            texts = {**values, "draft": draft, "refined": refined}
            (reply,) = yield [desk.ask("critique", texts, options.critic, schema=CRITIQUE)]
            said = read(reply.text, CRITIQUE)
            for step, text in (("draft", draft), ("refined", refined)):
                valid = parses(text) if options.form == "json" else None
                good = said[step] == "accept" and valid is not False
                one = {"round": n + 1, "step": step, "text": text, "accepted": good, "why": said["why"]}
                kept.append(one if valid is None else {**one, "json": valid})
            if kept[-1]["accepted"] or kept[-2]["accepted"]:
                return [paired(row, kept)]
            values["why"] = said["why"]
        raise Unusable(f"the critic rejected all {len(kept)} texts; the last time: {kept[-1]['why'][:200]}")


def paired(row: Row, kept: list[dict[str, Any]]) -> Made:
    """The row with the last accepted text as its answer, the last rejected one as the rejected side, all drafts beside."""
    best = next(k for k in reversed(kept) if k["accepted"])
    worse = [k["text"] for k in reversed(kept) if not k["accepted"] and k["text"] != best["text"]]
    fields: dict[str, Any] = {"drafts": kept}
    if worse:
        fields |= {"chosen": best["text"], "rejected": worse[0]}
    if "json" in best:
        fields["checks"] = {"json": sum(k["json"] for k in kept) / len(kept)}
    return answered(row, best["text"], **fields)


def parses(text: str) -> bool:
    """Whether it is JSON."""
    try:
        json_of(text)
    except ValueError:
        return False
    return True
