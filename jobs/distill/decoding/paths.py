"""One path read rightly, and several paths with a vote: reasons, programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ..parts import Options
from ..programs.safe import evaluate
from ..writers.base import Unusable
from ..writers.common import code_of, final_answer
from ..writers.program import ChainAndProgram, Program
from ..writers.tables import linear, read_table
from ..writers.variants import number_text
from .base import Answered, Hand, Steps, Way, majority, of_stage

if TYPE_CHECKING:
    from ..rows import Row


def result_of(text: str) -> str:
    """What the program in a text computes; empty where there is none or it fails."""
    try:
        outcome = evaluate(code_of(text))
    except Unusable:
        return ""
    return number_text(outcome.value) if outcome.ok and outcome.value is not None else ""


class OnePath(Way):
    id = "one-path"
    title = "One path, read"
    summary = (
        "The student is asked under a prefix; its answer is what follows the marker, or what its program computes."
    )
    when_to_use = "The student learnt to say reasons or a program, and the answer is what comes of them."
    formula = r"\hat y = \mathrm{read}(q(\cdot \mid \text{prefix}, x))"
    paper = Program.paper
    words = "Put the prefix before the question; take what follows the last “Answer:”, or run the program that is said."

    class Options(Options):
        prefix: str = Field("", max_length=2000, title="Prefix", description="Before the question, as in training.")
        read: Literal["marker", "program", "after"] = Field(
            "marker",
            title="The answer is",
            description="marker: what follows the last “Answer:”, or the last line. program: the result of the program. after: all that "
            "follows the option Marker, for descriptions.",
        )
        marker: str = Field("Description:", max_length=40, title="Marker")
        table: bool = Field(
            False, title="Tables as one line", description="The question is a table; it is written as in training."
        )
        stage: str = Field(
            "", max_length=80, title="Stage", description="Whose adapter answers; empty: the student as it ends."
        )

    def adapters(self, options: Any) -> list[str]:
        return [options.stage] if options.stage else []

    def answer(self, row: Row, options: Any, hand: Hand) -> Steps:
        question = row.question
        if options.table:
            try:
                question = linear(read_table(question, str(row.fields.get("caption") or "")))
            except ValueError:
                question = row.question
        (reply,) = yield [hand.ask(row, options.prefix + question, of_stage(options.stage))]
        if options.read == "program":
            found = result_of(reply.text)
            return Answered(found, {"as written": reply.text.strip()}, {"programs that run": float(bool(found))})
        if options.read == "after":
            _, mark, after = reply.text.rpartition(options.marker)
            return Answered((after if mark else reply.text).strip(), {"as written": reply.text.strip()})
        return Answered(final_answer(reply.text), {"as written": reply.text.strip()})


class Vote(Way):
    id = "vote"
    title = "Reasons and programs, with a vote"
    summary = "The student reasons and writes programs, each several times; programs are run, and the commonest answer counts."
    when_to_use = "After training on reasons and programs under prefixes; the two fail on different questions."
    formula = r"\hat y = \mathrm{maj}\bigl(\{a(r_i)\} \cup \{\mathrm{run}(c_j)\}\bigr)"
    paper = ChainAndProgram.paper
    words = "Ask under each prefix several times, run the programs, and take the commonest answer; where none is commoner, the first program's."

    class Options(Options):
        chain: str = Field("[chain] ", max_length=200, title="Prefix of reasons")
        program: str = Field("[program] ", max_length=200, title="Prefix of programs")
        chains: int = Field(1, ge=0, le=64, title="Reasons", description="The first is greedy, the others are sampled.")
        programs: int = Field(1, ge=0, le=64, title="Programs")
        chain_stage: str = Field(
            "", max_length=80, title="Stage of reasons", description="Empty: the student as it ends."
        )
        program_stage: str = Field("", max_length=80, title="Stage of programs")

    def adapters(self, options: Any) -> list[str]:
        return list(dict.fromkeys(n for n in (options.chain_stage, options.program_stage) if n))

    def answer(self, row: Row, options: Any, hand: Hand) -> Steps:
        paths = [
            *((options.program, options.program_stage, k) for k in range(options.programs)),
            *((options.chain, options.chain_stage, k) for k in range(options.chains)),
        ]
        replies = yield [
            hand.ask(row, prefix + row.question, of_stage(stage), k, sample=k > 0) for prefix, stage, k in paths
        ]
        programs = [result_of(r.text) for r in replies[: options.programs]]
        chains = [final_answer(r.text) for r in replies[options.programs :]]
        alone = {}
        if programs:
            alone["programs"] = majority(programs)
        if chains:
            alone["reasons"] = majority(chains)
        ran = sum(map(bool, programs)) / len(programs) if programs else 0.0
        return Answered(majority([*programs, *chains]), alone, {"programs that run": ran})
