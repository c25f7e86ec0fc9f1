"""Programs whose result is the answer, alone or beside a chain of thought."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about, example_text, shots
from .common import MARKER, agree, code_of, for_task, gold_of
from .rationale import parted
from .template import Prompt

PAD = Paper(
    title="PaD: Program-aided Distillation Can Teach Small Models Reasoning Better than Chain-of-thought Fine-tuning",
    authors="Zhu, Qi, Zhang, Long, Lin, Zhou", year=2024, venue="NAACL", url="https://arxiv.org/abs/2305.13888",
    arxiv="2305.13888",
)  # fmt: skip
MIXED = Paper(
    title="Mixed Distillation Helps Smaller Language Model Better Reasoning",
    authors="Li, Chen, Li, Wang and others", year=2023, url="https://arxiv.org/abs/2312.10730", arxiv="2312.10730",
)  # fmt: skip
PROGRAM = Prompt(
    "{{instruction}}\n\n{{examples}}\n\nQuestion: {{question}}\n\n"
    "Write a short Python program that computes the answer from the numbers of the question. Name each quantity by what it "
    "is. Use plain arithmetic and simple statements only: no input, no files, no imports but math. The last line prints the "
    "answer and nothing else. Write only the program, between ```python and ```."
)
VARIABLES = {**ROW_VARIABLES, "instruction": "the option Instruction", "examples": "answered rows"}


class Program(Writer):
    """The answer is a program; a check that runs it decides whether it stays."""

    id = "program"
    title = "Programs"
    summary = "The model writes a program whose output is the answer; the student learns to say the program."
    when_to_use = "Sums and counting: a program is either right or wrong, and running it tells which."
    formula = r"\hat c \sim p_T(\cdot \mid x),\quad \hat y = \mathrm{run}(\hat c)"
    paper = PAD
    variables: ClassVar[dict[str, str]] = VARIABLES
    prompts: ClassVar[dict[str, Prompt]] = {"program": PROGRAM}

    class Options(Options):
        instruction: str = Field("", max_length=20_000, title="Instruction")
        examples: int = Field(0, ge=0, le=32, title="Examples")
        prefix: str = Field(
            "", max_length=200, title="Prefix", description="Put before the question that the student reads."
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        chosen = shots(desk.rows, options.examples, desk.random(seed), row.row_id)
        values = about(row, instruction=options.instruction, examples=example_text(chosen))
        (reply,) = yield [desk.ask("program", values)]
        return [program_row(row, options.prefix, reply.text)]


class ChainAndProgram(Writer):
    """Two rows a question: reasons with the answer under one prefix, a program under another."""

    id = "chain-and-program"
    title = "Reasons and programs"
    summary = "Each question is answered twice, by reasons and by a program, under prefixes that tell them apart."
    when_to_use = "Sums in words, where reasons and programs fail on different questions and a vote of both is better."
    formula = (
        r"(\hat r, \hat y) \sim p_T(\cdot \mid x, \text{chain}),\quad \hat c \sim p_T(\cdot \mid x, \text{program})"
    )
    paper = MIXED
    variables: ClassVar[dict[str, str]] = {**VARIABLES, "marker": "the word before the answer"}
    prompts: ClassVar[dict[str, Prompt]] = {
        "chain": Prompt(
            "{{instruction}}\n\n{{examples}}\n\nQuestion: {{question}}\n\n"
            "Think step by step. Then write {{marker}} and the answer alone on the last line."
        ),
        "program": PROGRAM,
    }

    class Options(Options):
        instruction: str = Field("", max_length=20_000, title="Instruction")
        examples: int = Field(0, ge=0, le=32, title="Examples")
        chain: str = Field("[chain] ", max_length=200, title="Prefix of reasons")
        program: str = Field("[program] ", max_length=200, title="Prefix of programs")
        wanted: Literal["both", "any"] = Field(
            "both",
            title="Wanted of each question",
            description="both: a question without usable reasons, or without a program, is left out. any: one is enough.",
        )
        right_only: bool = Field(
            True, title="Only right reasons", description="Reasons that do not end in the gold answer are left out."
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        chosen = shots(desk.rows, options.examples, desk.random(seed), row.row_id)
        values = about(row, instruction=options.instruction, examples=example_text(chosen), marker=MARKER)
        chain, program = yield [desk.ask("chain", values), desk.ask("program", values)]
        made, why = list[Made](), list[str]()
        for read, text in ((self._chain, chain.text), (self._program, program.text)):
            try:
                made.append(read(row, text, options))
            except Unusable as e:
                why.append(str(e))
        if not made or (why and options.wanted == "both"):
            raise Unusable("; ".join(why))
        return made

    def _chain(self, row: Any, text: str, options: Any) -> Made:
        reasons, answer = parted(text, MARKER)
        gold = gold_of(row)
        if options.right_only and gold is not None and not agree(answer, gold):
            raise Unusable(f"the reasons end in {answer[:60]!r}, right is {gold[:60]!r}")
        question = options.chain + row.question
        return for_task(row, "chain", question, f"{reasons}\n{MARKER} {answer}", rationale=reasons, gold=gold)

    def _program(self, row: Any, text: str, options: Any) -> Made:
        return program_row(row, options.program, text)


def program_row(row: Any, prefix: str, text: str) -> Made:
    """The row whose answer is the program in `text`; Raises Unusable where there is none."""
    code = code_of(text)
    return for_task(row, "program", prefix + row.question, code, program=code, gold=gold_of(row))
