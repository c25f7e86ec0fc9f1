"""Rows of other data, found by likeness and brought into the form of the task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from ..retrieval.bm25 import BM25
from .base import ROW_VARIABLES, Desk, Seed, Steps, Unusable, Writer, about, example_text, new, shots
from .template import Prompt
from .texts import STRING, read, record, same

if TYPE_CHECKING:
    from ..rows import Row

CLOSED = 50  # different answers up to which the task's answers are one of a few


class RetrieveTransform(Writer):
    """The task's rows are queries; the rows of the store that are most like any of them are transformed, best first."""

    id = "retrieve-transform"
    title = "Rows from other data"
    summary = (
        "Rows of another domain that are most like the task's rows are rewritten by the model into the task's form."
    )
    when_to_use = "The task has few rows, and large data about something near are at hand."
    formula = r"\hat x, \hat r, \hat y \sim p_T(\cdot \mid d, \text{task}),\quad d \in \mathrm{top}_n\, \max_i \mathrm{BM25}(x_i, d)"
    paper = Paper(
        title="Training Task Experts through Retrieval Based Distillation",
        authors="Ge, Jia, Viswanathan, Luo, Neubig",
        year=2024,
        url="https://arxiv.org/abs/2407.05463",
        arxiv="2407.05463",
    )
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "instruction": "the option Task",
        "examples": "rows of the task with their answers",
        "source": "the row that was found: question and, where it has one, answer",
        "answers": "the task's answers, where they are few",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "transform": Prompt(
            "A task: {{instruction}}\n\nExamples of it:\n\n{{examples}}\n\nPossible answers: {{answers}}\n\n---\n"
            "Material from elsewhere:\n\n{{source}}\n\n---\nMake one new row of the task from this material: a question "
            "in the form of the examples whose content comes from the material, the reasoning step by step, and the "
            "answer in the form of the examples. If the material is of no use for the task, write a question of "
            'three dots.\n\nAnswer with JSON: {"question": "...", "rationale": "...", "answer": "..."}'
        ),
    }
    ROW: ClassVar[dict[str, Any]] = record(question=STRING, rationale={"type": "string"}, answer=STRING)

    class Options(Options):
        store: list[str] = Field(
            [],
            max_length=1000,
            title="Domains of the store",
            description="Rows of these domains are what is searched; all others are the task. Empty: rows without an answer.",
        )
        number: int = Field(1000, ge=1, le=10_000_000, title="Rows at most", description="The most similar ones.")
        each: int = Field(10, ge=1, le=1000, title="Found a row", description="How many each row of the task looks up.")
        least: float = Field(
            0.0, ge=0, le=1, title="Similarity at least", description="0 to 1; what a row scores against itself is 1."
        )
        instruction: str = Field("", max_length=20_000, title="Task", description="What the task is, in a sentence.")
        examples: int = Field(3, ge=1, le=32, title="Examples", description="Rows of the task shown each time.")
        rationale: bool = Field(True, title="Keep the reasoning", description="As the rationale of the new rows.")

    def seeds(self, rows: Sequence[Row], options: Any, desk: Desk) -> Iterable[Seed]:
        store = [r for r in rows if stored(r, options.store)]
        task = [r for r in rows if not stored(r, options.store) and r.answer]
        index = BM25([f"{r.question} {r.answer or ''}" for r in store])
        best: dict[int, tuple[float, float, str]] = {}
        for row in task:
            for found in index.search(f"{row.question} {row.answer}", options.each):
                if found.similarity >= options.least and found.score > best.get(found.place, (0.0, 0.0, ""))[0]:
                    best[found.place] = (found.score, found.similarity, row.row_id)
        order = sorted(best, key=lambda i: (-best[i][0], i))[: options.number]
        few = Counter(str(r.fields.get("gold", r.answer)) for r in task)
        answers = sorted(few) if len(few) <= CLOSED and len(task) >= 2 * len(few) else []
        for place in order:
            values = {"similarity": round(best[place][1], 4), "like": best[place][2], "answers": answers}
            yield Seed(store[place].row_id, (store[place],), values)

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, allowed = seed.row, seed.values["answers"]
        task = [r for r in desk.rows if not stored(r, options.store)]
        chosen = shots(task, options.examples, desk.random(seed))
        source = f"{row.question}\n{row.answer}" if row.answer else row.question
        values = about(
            row,
            instruction=options.instruction,
            examples=example_text(chosen),
            source=source,
            answers=", ".join(allowed) or "any",
        )
        (reply,) = yield [desk.ask("transform", values, schema=self.ROW)]
        said = read(reply.text, self.ROW)
        if not said["question"].strip(" .…"):
            raise Unusable("the model finds it of no use for the task")
        answer = next((a for a in allowed if same(a) == same(said["answer"])), None) if allowed else said["answer"]
        if answer is None:
            raise Unusable(f"{said['answer'][:60]!r} is none of the task's {len(allowed)} answers")
        fields = {
            "source_id": row.row_id,
            "source_domain": row.fields.get("domain"),
            "similarity": seed.values["similarity"],
            "like": seed.values["like"],
            "rationale": (said["rationale"].strip() or None) if options.rationale else None,
        }
        return [new(said["question"], answer, **fields)]


def stored(row: Row, domains: Sequence[str]) -> bool:
    """Whether the row belongs to what is searched."""
    return row.fields.get("domain") in domains if domains else row.answer is None
