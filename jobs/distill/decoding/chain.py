"""Two adapters in turn: one asks the sub-questions, one answers them; one drafts, one makes an answer or mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..parts import Options
from ..writers.aggregate import Aggregate, ask_together
from ..writers.common import final_answer, items_of
from ..writers.corrections import Corrections, ask_better, missing
from ..writers.socratic import Socratic, ask_part, ask_parts
from .base import Answered, Hand, Steps, Way, majority, of_stage

if TYPE_CHECKING:
    from ..rows import Row

STAGE = "Name of a training stage; empty: the student as it ends."


class DecomposeSolve(Way):
    id = "decompose-solve"
    title = "Sub-questions, then answers"
    summary = "One adapter writes the sub-questions, the other answers them one by one; the last answer counts."
    when_to_use = "After a decomposer and a solver were trained on split rows."
    formula = r"q_{1..n} \sim q_D(\cdot \mid x),\quad a_k \sim q_S(\cdot \mid x, q_{\le k}, a_{<k})"
    paper = Socratic.paper
    words = (
        "Ask the decomposer for the numbered sub-questions, then the solver for each in turn with the answers so far."
    )

    class Options(Options):
        decomposer: str = Field("decomposer", max_length=80, title="Decomposer", description=STAGE)
        solver: str = Field("solver", max_length=80, title="Solver", description=STAGE)
        most: int = Field(6, ge=1, le=20, title="Sub-questions, at most")

    def adapters(self, options: Any) -> list[str]:
        return [n for n in (options.decomposer, options.solver) if n]

    def answer(self, row: Row, options: Any, hand: Hand) -> Steps:
        solver = of_stage(options.solver)
        parts, alone = yield [
            hand.ask(row, ask_parts(row.question), of_stage(options.decomposer)),
            hand.ask(row, ask_part(row.question, (), row.question), solver),
        ]
        done = list[tuple[str, str]]()
        for part in items_of(parts.text)[: options.most]:
            (reply,) = yield [hand.ask(row, ask_part(row.question, done, part), solver)]
            done.append((part, reply.text.strip()))
        text = final_answer(done[-1][1]) if done else final_answer(alone.text)
        return Answered(text, {"solver alone": final_answer(alone.text)}, {"sub-questions": len(done)})


class ProposeAggregate(Way):
    id = "propose-aggregate"
    title = "Drafts, then one answer"
    summary = "Several drafts are sampled; the student makes one answer of them."
    when_to_use = "After training on drafts with their answers; more drafts cost more tokens and help more."
    formula = r"d_{1..n} \sim q(\cdot \mid x),\quad y \sim q(\cdot \mid x, d_{1..n})"
    paper = Aggregate.paper
    words = "Sample several drafts of the plain question, put them behind it as Draft 1, Draft 2 …, and ask for the answer made of them."

    class Options(Options):
        drafts: int = Field(4, ge=2, le=16, title="Drafts")
        drafter: str = Field("base", max_length=80, title="Who drafts", description=f"base, or a stage. {STAGE}")
        aggregator: str = Field("", max_length=80, title="Who makes the answer", description=STAGE)

    def adapters(self, options: Any) -> list[str]:
        return [n for n in (options.drafter, options.aggregator) if n and n != "base"]

    def answer(self, row: Row, options: Any, hand: Hand) -> Steps:
        to = "base" if options.drafter == "base" else of_stage(options.drafter)
        replies = yield [hand.say(row.messages, to, k, sample=True) for k in range(options.drafts)]
        drafts = [r.text.strip() for r in replies]
        (made,) = yield [hand.ask(row, ask_together(row.question, drafts), of_stage(options.aggregator))]
        return Answered(made.text, {"one draft": drafts[0], "vote of the drafts": majority(drafts)})


class GenerateCorrect(Way):
    id = "generate-correct"
    title = "A draft, then corrections"
    summary = "The untouched generator drafts, the corrector's adapter mends, once or several times."
    when_to_use = "After a corrector was trained on pairs from worse to better."
    formula = r"y_0 \sim q_{\theta_0}(\cdot \mid x),\quad y_{k+1} \sim q_C(\cdot \mid x, y_k)"
    paper = Corrections.paper
    words = "Let the base answer, put the answer behind the question as Draft, and ask the adapter for a better one."

    class Options(Options):
        generator: str = Field("base", max_length=80, title="Generator", description=f"base, or a stage. {STAGE}")
        corrector: str = Field("", max_length=80, title="Corrector", description=STAGE)
        rounds: int = Field(1, ge=1, le=8, title="Corrections")
        feedback: bool = Field(
            False, title="Say what is wrong", description="Words between quotes in the question that are missing."
        )

    def adapters(self, options: Any) -> list[str]:
        return [n for n in (options.generator, options.corrector) if n and n != "base"]

    def answer(self, row: Row, options: Any, hand: Hand) -> Steps:
        to = "base" if options.generator == "base" else of_stage(options.generator)
        (draft,) = yield [hand.say(row.messages, to)]
        text = draft.text.strip()
        for _ in range(options.rounds):
            lacks = ", ".join(missing(text, row.question)) if options.feedback else ""
            if options.feedback and not lacks:
                break
            asked = ask_better(row.question, text, lacks and f"these words are missing: {lacks}")
            (better,) = yield [hand.ask(row, asked, of_stage(options.corrector))]
            text = better.text.strip() or text
        return Answered(text, {"generator alone": draft.text.strip()}, {"changed": float(text != draft.text.strip())})
