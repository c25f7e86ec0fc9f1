"""Questions over several long documents, varied by what real questions are about (WildLong)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about, new
from .meta_graph import MetaGraph
from .template import Prompt
from .texts import STRING, many, numbered, read, record, stripped

if TYPE_CHECKING:
    from ..rows import Row

PAPER = Paper(
    title="WildLong: Synthesizing Realistic Long-Context Instruction Data at Scale",
    authors="Li, Zhang, Wang, Huang, Dong, Wang, Chen, Lu, Wei",
    year=2025,
    url="https://arxiv.org/abs/2502.16684",
    arxiv="2502.16684",
)
FIELDS = {
    "document type": "the kind of document such a question is asked about",
    "user intent": "what the person wants to reach",
    "task": "the kind of work: summing up, comparing, finding, judging ...",
    "difficulty": "what makes it hard: distance between facts, numbers, contradictions ...",
    "audience": "who the answer is for",
    "form": "the form of the answer",
}
META = record(**{name: many(STRING, 0) for name in FIELDS})
CITATION = re.compile(r"\[(\d+(?:\s*,\s*\d+)*)\]")


class MetaInformation(Writer):
    """Adds `meta`, field -> values, to each row; question and answer stay."""

    id = "meta-information"
    title = "What a question is about"
    summary = (
        "The model writes down the kind of document, intent, task, difficulty, audience and form of each question."
    )
    when_to_use = "Before long-context rows are made from a graph of what real questions are about."
    formula = r"m(x) \sim p_T(\cdot \mid x)"
    paper = PAPER
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES, "fields": "the fields with their meaning"}
    prompts: ClassVar[dict[str, Prompt]] = {
        "meta": Prompt(
            "A person asked:\n\n{{conversation}}\n\n---\nDescribe the question in general terms, without its names and "
            "numbers. For each field one to three short values, or none where it does not apply:\n{{fields}}\n\n"
            "Answer with JSON: {" + ", ".join(f'"{name}": ["..."]' for name in FIELDS) + "}"
        ),
    }

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        values = about(row, fields=[f"{name}: {meaning}" for name, meaning in FIELDS.items()])
        (reply,) = yield [desk.ask("meta", values, schema=META)]
        meta = {k: [v.strip().lower() for v in vs] for k, vs in read(reply.text, META).items()}
        if not any(meta.values()):
            raise Unusable("every field is empty")
        return [Made(row.messages, row.answer, {**row.fields, "meta": meta}, same=True)]


class LongQuestions(Writer):
    """A tuple drawn along the graph and a few documents become a question that needs them, and an answer that cites them."""

    id = "long-questions"
    title = "Questions over documents"
    summary = "The model writes a question over several documents, and an answer that cites at least two of them."
    when_to_use = "The student should work with long inputs, and only documents and short questions are at hand."
    formula = r"m \sim P_G,\quad (\hat x, \hat y) \sim p_T(\cdot \mid m, d_1, \dots, d_n)"
    paper = PAPER
    variables: ClassVar[dict[str, str]] = {
        "meta": "what the question should be like: field and value",
        "documents": "the documents, numbered",
        "number": "how many documents there are",
        "question": "the question that was written, for the answer",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "question": Prompt(
            "{{documents}}\n\n---\nWrite a request that a real person could make about these {{number}} documents, and "
            "that cannot be met with one of them alone. It should be like this:\n{{meta}}\n\nWrite the request alone."
        ),
        "answer": Prompt(
            "{{documents}}\n\n---\n{{question}}\n\nAnswer from the documents alone, completely and in order. Put the "
            "number of the document, like [1], behind every statement that rests on it."
        ),
    }

    class Options(Options):
        number: int = Field(1000, ge=1, le=10_000_000, title="New rows", description="How many are asked for.")
        documents: int = Field(2, ge=1, le=100, title="Documents a row")
        cited: int = Field(
            2, ge=0, le=100, title="Documents cited", description="An answer that cites fewer is left out."
        )
        source: Literal["unanswered", "domain"] = Field(
            "unanswered",
            title="Documents are",
            description="unanswered: rows without an answer. domain: the rows of one domain.",
        )
        domain: str = Field("", max_length=200, title="Domain of the documents")

    def seeds(self, rows: Sequence[Row], options: Any, desk: Desk) -> Iterable[Seed]:
        documents = [
            r
            for r in rows
            if (
                r.fields.get("domain") == options.domain
                if options.source == "domain"
                else r.answer is None and "meta" not in r.fields
            )
        ]
        graph = graph_of(rows)
        if len(documents) < options.documents:
            return
        for n in range(options.number):
            rng = desk.random(Seed(f"long-{n}"))
            drawn = graph.draw(rng) if graph.nodes else {}
            yield Seed(f"long-{n}", tuple(rng.sample(documents, options.documents)), {"meta": drawn})

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        texts = [r.question for r in seed.rows]
        shown = numbered(texts, "Document")
        values = {
            "documents": shown,
            "number": len(texts),
            "meta": [f"{name}: {value}" for name, value in seed.values["meta"].items()],
        }
        (reply,) = yield [desk.ask("question", values)]
        question = stripped(reply.text)
        (reply,) = yield [desk.ask("answer", {**values, "question": question})]
        cited = sorted({n for n in citations(reply.text) if 1 <= n <= len(texts)})
        wanted = min(options.cited, len(texts))
        if len(cited) < wanted:
            raise Unusable(f"it cites {len(cited)} of {len(texts)} documents, at least {wanted} are wanted")
        fields: dict[str, Any] = {
            "meta": dict(seed.values["meta"]),
            "cited": [seed.rows[n - 1].row_id for n in cited],
            "synthetic": True,
        }
        return [new(f"{shown}\n\n{question}", reply.text, **fields)]


def graph_of(rows: Sequence[Row]) -> MetaGraph:
    """The graph of what the rows carry in `meta`."""
    graph = MetaGraph(tuple(FIELDS))
    for row in rows:
        if meta := row.fields.get("meta"):
            graph.add(meta)
    return graph


def citations(text: str) -> list[int]:
    """Numbers cited as [1] or [1, 2], in order."""
    return [int(n) for found in CITATION.findall(text) for n in found.split(",")]
