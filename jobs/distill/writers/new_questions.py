"""New questions in the manner of sampled ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import Desk, Made, Seed, Steps, Unusable, Writer, new
from .rationale import parted
from .template import Prompt
from .texts import numbered, same, stripped

if TYPE_CHECKING:
    from ..rows import Row


class NewQuestions(Writer):
    """Each writing shows some rows and asks for one more; then, where wished, for its answer."""

    id = "new-questions"
    title = "New questions"
    summary = "The model sees some of the rows' questions and writes a new one, and its answer where wished."
    when_to_use = "There are too few rows, and new ones of the same kind are wanted."
    formula = r"\hat x \sim p_T(\cdot \mid x_{i_1}, \dots, x_{i_k}),\quad \hat y \sim p_T(\cdot \mid \hat x)"
    paper = Paper(
        title="Self-Instruct: Aligning Language Models with Self-Generated Instructions",
        authors="Wang, Kordi, Mishra, Liu, Smith, Khashabi, Hajishirzi",
        year=2023,
        venue="ACL",
        url="https://arxiv.org/abs/2212.10560",
        arxiv="2212.10560",
    )
    variables: ClassVar[dict[str, str]] = {
        "examples": "the sampled questions, numbered",
        "instruction": "the option Instruction",
        "domain": "the domain of the first sampled row",
        "question": "the new question, for the answer",
        "shots": "the sampled rows with their answers, for the answer",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "question": Prompt(
            "Here are questions of one kind:\n\n{{examples}}\n\nWhat is asked for: {{instruction}}\n\n"
            "Write one new question of the same kind. It must differ from every one above in what it asks, not only in "
            "names and numbers; it must be complete and answerable on its own. Write the question alone.",
        ),
        "answer": Prompt("{{shots}}\n\nQuestion: {{question}}\nAnswer:"),
        "reason": Prompt(
            "{{shots}}\n\nQuestion: {{question}}\n\n"
            "Think step by step. Then write Answer: and the answer alone, in the form of the answers above, on the last line."
        ),
    }

    class Options(Options):
        number: int = Field(
            100, ge=1, le=1_000_000, title="New questions", description="How many are asked for; copies leave later."
        )
        examples: int = Field(
            6, ge=1, le=32, title="Examples", description="Rows shown at a time, drawn anew each time."
        )
        instruction: str = Field(
            "",
            max_length=20_000,
            title="Instruction",
            description="What the new questions should be about, where the examples do not say it.",
        )
        answered: bool = Field(
            True, title="Answer them too", description="Off: the rows have no answer until a later stage writes one."
        )
        reasons: bool = Field(
            False, title="Reason first", description="The answer comes after its reasoning; both are kept, apart."
        )
        same_domain: bool = Field(
            False, title="Examples of one domain", description="The rows shown together come from one domain."
        )

    def seeds(self, rows: Sequence[Row], options: Any, desk: Desk) -> Iterable[Seed]:
        by_domain: dict[str, list[Row]] = {}
        for row in rows:
            by_domain.setdefault(str(row.fields.get("domain", "")) if options.same_domain else "", []).append(row)
        pools = [by_domain[name] for name in sorted(by_domain)]
        for n in range(options.number if pools else 0):
            pool = pools[n % len(pools)]
            rng = desk.random(Seed(f"new-{n}"))
            yield Seed(f"new-{n}", tuple(rng.sample(pool, min(options.examples, len(pool)))))

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        values = {
            "examples": numbered([r.question for r in seed.rows]),
            "instruction": options.instruction,
            "domain": seed.row.fields.get("domain"),
        }
        (reply,) = yield [desk.ask("question", values)]
        question = stripped(reply.text).removeprefix("Question:").strip()
        if any(same(question) == same(r.question) for r in seed.rows):
            raise Unusable("it repeats one of the questions it was shown")
        answer, reasons = "", None
        if options.answered:
            shown = "\n\n".join(f"Question: {r.question}\nAnswer: {r.answer}" for r in seed.rows if r.answer)
            step = "reason" if options.reasons else "answer"
            (reply,) = yield [desk.ask(step, {**values, "question": question, "shots": shown})]
            answer = reply.text
            if options.reasons:
                reasons, answer = parted(answer, "Answer:")
        made = new(question, answer, domain=seed.row.fields.get("domain"), rationale=reasons, synthetic=True)
        return [made if options.answered else unanswered(made)]


def unanswered(made: Made) -> Made:
    """The row without an answer, for a later stage to write."""
    return replace(made, answer=None)
