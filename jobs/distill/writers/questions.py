"""Questions and answers about a document."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Seed, Steps, Writer, about, new
from .template import Prompt
from .texts import STRING, many, read, record

PAIRS = record(items=many(record(question=STRING, answer=STRING)))


class DocumentQuestions(Writer):
    """Several questions a document, each with its answer."""

    id = "document-questions"
    title = "Questions about a document"
    summary = "The model writes questions that a document answers, with the answers."
    when_to_use = "Knowledge lies in documents, and the student should answer questions about it."
    formula = r"\{(\hat x_i, \hat y_i)\} \sim p_T(\cdot \mid d)"
    paper = Paper(
        title="Instruction Pre-Training: Language Models are Supervised Multitask Learners",
        authors="Cheng, Gu, Huang, Bi, Huang, Wei",
        year=2024,
        venue="EMNLP",
        url="https://arxiv.org/abs/2406.14491",
        arxiv="2406.14491",
    )
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "document": "the row's text",
        "each": "the option Questions",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "questions": Prompt(
            "{{document}}\n\n---\nWrite {{each}} questions that this text answers, from simple facts to reasons and "
            "consequences, each on another part of it. A question must be understood without the text: name what it is "
            "about. Answers come from the text alone, in full sentences.\n\n"
            'Answer with JSON: {"items": [{"question": "...", "answer": "..."}]}'
        ),
    }

    class Options(Options):
        each: int = Field(3, ge=1, le=50, title="Questions", description="A document, at most.")
        with_document: bool = Field(
            False,
            title="Show the document",
            description="On: the row asks with the text before the question. Off: the student answers from memory.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        values = about(row, document=row.question, each=options.each)
        (reply,) = yield [desk.ask("questions", values, schema=PAIRS)]
        out = []
        for pair in read(reply.text, PAIRS)["items"][: options.each]:
            asked = f"{row.question}\n\n{pair['question']}" if options.with_document else pair["question"]
            out.append(new(asked, pair["answer"], domain=row.fields.get("domain"), synthetic=True))
        return out
