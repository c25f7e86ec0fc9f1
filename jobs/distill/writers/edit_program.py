"""A text cleaned by a small program that a model writes for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from ..programs.edits import EditRefused, apply_edits
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about
from .template import Prompt
from .texts import raw, stripped


class EditProgram(Writer):
    """The model sees the text with its lines numbered and writes operations from a short list; a safe interpreter carries
    them out. The text can only lose or shorten something, so nothing is made up. The program and the diff are kept."""

    id = "edit-program"
    title = "Cleaning by a program"
    summary = "The model writes a few operations for each text: lines to drop, strings to shorten; they are carried out safely."
    when_to_use = "Raw text has navigation, adverts and noise that rules would have to guess at."
    formula = r"z \sim p_T(\cdot \mid d),\quad \hat d = z(d)"
    paper = Paper(
        title="Programming Every Example: Lifting Pre-training Data Quality Like Experts at Scale",
        authors="Zhou, Wang, Liu, Li, Liu",
        year=2024,
        url="https://arxiv.org/abs/2409.17115",
        arxiv="2409.17115",
    )
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES, "lines": "the text, a number from 0 before each line"}
    prompts: ClassVar[dict[str, Prompt]] = {
        "program": Prompt(
            "{{lines}}\n\n---\nThis text will teach a language model. Write the operations that clean it, one a line:\n"
            "keep_doc()  it is good as it is\n"
            "drop_doc()  nothing in it is worth learning\n"
            "remove_lines(3, 5)  menus, adverts, links, boilerplate; both ends included\n"
            'normalize("====", "")  a string wherever it stands becomes a shorter one\n'
            "drop_empty_lines()  dedupe_lines()  strip_lines()  normalize_spaces()\n\n"
            "Touch only what is noise. Write the operations alone."
        ),
    }

    class Options(Options):
        least: float = Field(
            0.0,
            ge=0,
            le=1,
            title="Left at least",
            description="Share of the characters; a text of which less is left goes out.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        text = row.question if row.answer is None else row.answer
        lines = "\n".join(f"[{n}] {line}" for n, line in enumerate(text.splitlines()))
        (reply,) = yield [desk.ask("program", about(row, lines=lines))]
        program = stripped(reply.text)
        try:
            edited = apply_edits(text, program)
        except EditRefused as e:
            raise Unusable(f"the program is refused: {e}") from None
        if not edited.kept:
            raise Unusable("the program drops the text")
        left = len(edited.text) / len(text)
        if left < options.least:
            raise Unusable(f"the program leaves {left:.0%} of the text, {options.least:.0%} are wanted")
        fields = {
            **row.fields,
            "program": program,
            "diff": edited.diff,
            "idle": list(edited.idle),
            "left": round(left, 4),
        }
        if row.answer is None:
            return [replace(raw(edited.text, **fields), same=True)]
        return [
            Made(row.messages, edited.text.strip(), {**fields, "gold": row.fields.get("gold", row.answer)}, same=True)
        ]
