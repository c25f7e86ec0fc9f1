"""Far more texts than are needed, from a weak model, for filters to choose among: pairs of sentences, general truths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from ..parts import Options, Paper
from ..verifiers.finals import normal
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about
from .common import for_task, need_sampling
from .template import Prompt

if TYPE_CHECKING:
    from ..rows import Row

SENTENCE = re.compile(r"[^.!?\n]+[.!?]+[\"')\]]*|[^.!?\n]+$")


def control_prefix(task: str, control: str) -> str:
    """How the student is asked for a task with a control such as short or long."""
    return {"paraphrase": "Say this in other words", "summarize": "Summarize this"}[task] + (
        f" ({control})" if control else ""
    )


class SentencePairs(Writer):
    """Many continuations of one context are close to each other in meaning; pairs of them are candidates for a task."""

    id = "sentence-pairs"
    title = "Sentence pairs overgenerated"
    summary = (
        "A weak model continues a text many times; two continuations that mean the same and differ in length or words become a pair of "
        "a summary or a paraphrase."
    )
    when_to_use = "Summaries or paraphrases without labels and without a strong teacher; checks must follow."
    formula = r"y_{1..n} \sim p_{LM}(\cdot \mid c),\quad D = \{(y_i, y_j) : F(y_i, y_j)\}"
    paper = Paper(
        title="Impossible Distillation: from Low-Quality Model to High-Quality Dataset & Model for Summarization and Paraphrasing",
        authors="Jung, West, Jiang, Brahman, Lu, Fisher, Sorensen, Choi", year=2023,
        url="https://arxiv.org/abs/2305.16635", arxiv="2305.16635",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES, "context": "the row's text"}
    prompts: ClassVar[dict[str, Prompt]] = {"continue": Prompt("{{context}}")}

    class Options(Options):
        task: Literal["paraphrase", "summarize"] = Field("summarize", title="Task")
        samples: int = Field(10, ge=2, le=64, title="Continuations a context")
        pairs: int = Field(4, ge=1, le=64, title="Pairs a context, at most")
        ratio: float = Field(
            0.8,
            gt=0,
            le=1,
            title="Longest summary (share)",
            description="Words of the shorter sentence over those of the longer. Paraphrases must lie between this and 1.",
        )
        overlap: float = Field(
            0.7,
            ge=0,
            le=1,
            title="Most words in common",
            description="For paraphrases: share of the words that both have; more is a copy.",
        )
        entail: bool = Field(
            True,
            title="Ask whether one follows",
            description="The model is asked whether the second sentence follows from the first (both ways for a paraphrase); only yes stays.",
        )
        judge: str = Field("", max_length=40, title="Who is asked", description="Empty: who writes.")
        control: bool = Field(
            True, title="Say the length", description="The student is told short or long, and learns to keep to it."
        )

    def seeds(self, rows: Any, options: Any, desk: Desk) -> Any:
        need_sampling(desk, options.samples, "Overgeneration")
        return super().seeds(rows, options, desk)

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, base = seed.row, desk.number * options.samples
        values = about(row, context=row.question)
        replies = yield [desk.ask("continue", values, number=base + k) for k in range(options.samples)]
        sentences = list(dict.fromkeys(s for r in replies if (s := first_sentence(r.text))))
        found = [p for p in pairs_of(sentences) if fitting(*p, options)][: options.pairs]
        if not found:
            raise Unusable(f"no two of its {len(sentences)} sentences make a pair")
        if options.entail:
            asked = [entails(a, b) for a, b in found]
            both = [entails(b, a) for a, b in found] if options.task == "paraphrase" else []
            said = yield [desk.say(m, options.judge, 0, temperature=0.0) for m in (*asked, *both)]
            yes = [r.text.strip().lower().startswith("yes") for r in said]
            found = [p for k, p in enumerate(found) if yes[k] and (not both or yes[len(found) + k])]
        if not found:
            raise Unusable("no sentence follows from its partner")
        return [self._made(row, a, b, options) for a, b in found]

    def _made(self, row: Row, source: str, target: str, options: Any) -> Made:
        control = length_word(source, target) if options.control and options.task == "summarize" else ""
        question = f"{control_prefix(options.task, control)}: {source}"
        ratio = round(words(target) / words(source), 4)
        return for_task(row, options.task, question, target, control=control or None, ratio=ratio)


def entails(premise: str, claim: str) -> tuple[dict[str, str], ...]:
    text = f"Text: {premise}\nClaim: {claim}\n\nDoes the claim follow from the text, without anything added? Answer yes or no."
    return ({"role": "user", "content": text},)


def first_sentence(text: str) -> str:
    found = SENTENCE.search(text.strip())
    return found[0].strip() if found and words(found[0]) >= 3 else ""


def words(text: str) -> int:
    return len(text.split())


def pairs_of(sentences: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Every two, the longer first."""
    for i, a in enumerate(sentences):
        for b in sentences[i + 1 :]:
            yield (a, b) if words(a) >= words(b) else (b, a)


def fitting(source: str, target: str, options: Any) -> bool:
    """Whether lengths and shared words suit the task; meaning is judged afterwards."""
    ratio = words(target) / words(source)
    a, b = set(normal(source).split()), set(normal(target).split())
    shared = len(a & b) / max(1, len(a | b))
    if options.task == "summarize":
        return ratio <= options.ratio
    return ratio >= options.ratio and shared <= options.overlap


def length_word(source: str, target: str) -> str:
    """What a summary's length is called: very short below .4 of its source's words, short below .6, else long."""
    ratio = words(target) / words(source)
    return "very short" if ratio < 0.4 else "short" if ratio < 0.6 else "long"


class Generics(Writer):
    """Statements about a concept that must contain given words; one that does not is never kept."""

    id = "generics"
    title = "General truths under lexical constraints"
    summary = (
        "The model says general truths about a concept; each must begin with the concept and use the relation's words."
    )
    when_to_use = "Common-sense statements from a weak model, to be chosen by a critic and learnt by the same model."
    formula = r"s \sim p_{LM}(\cdot \mid c, r)\ \text{s.t.}\ \bigwedge_i \bigvee_j w_{ij} \in s"
    paper = Paper(
        title="I2D2: Inductive Knowledge Distillation with NeuroLogic and Self-Imitation",
        authors="Bhagavatula, Hwang, Downey, Le Bras, Lu et al.", year=2023, venue="ACL",
        url="https://arxiv.org/abs/2212.09246", arxiv="2212.09246",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "concept": "the row's question: a noun or a goal",
        "relation": "one of the option Relations",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "state": Prompt(
            "Complete the sentence to a statement that is generally true. Write the whole sentence, beginning with the words given.\n{{concept}} {{relation}}"
        )
    }

    class Options(Options):
        relations: list[str] = Field(
            default_factory=lambda: ["can", "are used to", "need", "have", "are found in"],
            min_length=1,
            max_length=200,
            title="Relations",
            description="Words a statement must contain after its concept; alternatives between bars: can|are able to.",
        )
        samples: int = Field(3, ge=1, le=64, title="Statements a relation")
        longest: int = Field(30, ge=3, le=500, title="Longest (words)")

    def seeds(self, rows: Any, options: Any, desk: Desk) -> Any:
        need_sampling(desk, options.samples, "Overgeneration")
        for row in rows:
            for n, relation in enumerate(options.relations):
                yield Seed(f"{row.row_id}-{n}", (row,), {"relation": relation})

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, relation = seed.row, str(seed.values["relation"])
        concept = row.question.strip()
        values = about(row, concept=concept, relation=relation.split("|")[0])
        base = desk.number * options.samples
        replies = yield [desk.ask("state", values, number=base + k) for k in range(options.samples)]
        made = dict[str, Made]()
        for reply in replies:
            text = first_sentence(reply.text)
            if words(text) <= options.longest and holds(text, concept, relation):
                one = for_task(
                    row, "state", f"{concept} {relation.split('|')[0]}", text, constraint=[concept, relation]
                )
                made.setdefault(normal(text), one)
        if not made:
            raise Unusable(f"none of {options.samples} statements begins with {concept!r} and contains {relation!r}")
        return list(made.values())


def holds(text: str, concept: str, relation: str) -> bool:
    """The constraint: the statement begins with the concept, one of the relation's alternatives follows as whole words, and
    something comes after it."""
    said, head = f"{normal(text)} ", f"{normal(concept)} "
    if not said.startswith(head):
        return False
    rest = f" {said[len(head) :]}"
    return any(f" {normal(r)} " in rest and rest.split(f" {normal(r)} ", 1)[1].strip() for r in relation.split("|"))
