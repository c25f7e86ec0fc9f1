"""A long text as scope, aspects and descriptions."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Seed, Steps, Unusable, Writer, about, new
from .template import Prompt
from .texts import STRING, many, numbered, read, record, sentences

DESCRIPTION = record(text=STRING, sentences=many({"type": "integer", "minimum": 1}))
STRUCTURE = record(scope=STRING, aspects=many(record(aspect=STRING, descriptions=many(DESCRIPTION))))


class Structure(Writer):
    """The document's sentences are numbered; the structure names for each description the sentences it comes from, and
    every sentence must be named somewhere."""

    id = "structure"
    title = "Structure of a document"
    summary = "The model writes a document as scope, aspects and descriptions that refer to its sentences."
    when_to_use = "A small model should learn to put long texts in order for others to read."
    formula = r"s \sim p_T(\cdot \mid d),\quad \bigcup_{a, b \in s} \mathrm{ref}(b) = \{1, \dots, n\}"
    paper = Paper(
        title="Enhancing LLM's Cognition via Structurization",
        authors="Liu, Fu, Chen, Zhang, Jiang, Zhou, Chen, Wu, Ye",
        year=2024,
        venue="NeurIPS",
        url="https://arxiv.org/abs/2407.16434",
        arxiv="2407.16434",
    )
    FORM = '{"scope": "...", "aspects": [{"aspect": "...", "descriptions": [{"text": "...", "sentences": [1, 2]}]}]}'
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "sentences": "the document's sentences, numbered",
        "missing": "numbers that the first structure leaves out, for the second try",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "structure": Prompt(
            "{{sentences}}\n\n---\nPut this text in order. Say its scope in one sentence; name the aspects it treats; "
            "under each aspect give descriptions in your own words, each with the numbers of the sentences it comes from. "
            "Every sentence must be named at least once.\n\nAnswer with JSON: " + FORM
        ),
        "again": Prompt(
            "{{sentences}}\n\n---\nPut this text in order: scope, aspects, and descriptions with the numbers of the "
            "sentences they come from. A first try left out these sentences; every one must be named:\n{{missing}}\n\n"
            "Answer with JSON: " + FORM
        ),
    }

    class Options(Options):
        form: Literal["json", "outline"] = Field(
            "json",
            title="The row's answer is",
            description="json: the structure with its references. outline: headings and dashes, for people.",
        )
        instruction: str = Field(
            "Structure this text: scope, aspects, descriptions with their sentences.",
            max_length=2000,
            title="Instruction",
            description="What the rows ask for, before the numbered text.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        found = sentences(seed.row.question)
        if not found:
            raise Unusable("the document has no sentences")
        values = about(seed.row, sentences=numbered(found))
        (reply,) = yield [desk.ask("structure", values, schema=STRUCTURE)]
        structure = read(reply.text, STRUCTURE)
        if lost := unreferenced(structure, len(found)):
            again = {**values, "missing": ", ".join(map(str, lost))}
            (reply,) = yield [desk.ask("again", again, schema=STRUCTURE)]
            structure = read(reply.text, STRUCTURE)
        if lost := unreferenced(structure, len(found)):
            raise Unusable(f"{len(lost)} of {len(found)} sentences are named nowhere: {', '.join(map(str, lost[:10]))}")
        if beyond := sorted(n for n in referenced(structure) if n > len(found)):
            raise Unusable(f"it names sentence {beyond[0]}; there are {len(found)}")
        answer = json.dumps(structure, ensure_ascii=False) if options.form == "json" else outline(structure)
        asked = f"{options.instruction}\n\n{numbered(found)}" if options.instruction else numbered(found)
        return [new(asked, answer, domain=seed.row.fields.get("domain"))]


def referenced(structure: dict[str, Any]) -> set[int]:
    return {n for a in structure["aspects"] for d in a["descriptions"] for n in d["sentences"]}


def unreferenced(structure: dict[str, Any], n: int) -> list[int]:
    """Numbers of 1 to n that no description names."""
    return sorted(set(range(1, n + 1)) - referenced(structure))


def outline(structure: dict[str, Any]) -> str:
    lines = [f"Scope: {structure['scope']}"]
    for aspect in structure["aspects"]:
        lines.append(f"{aspect['aspect']}:")
        lines += [f"- {d['text']} [{', '.join(map(str, d['sentences']))}]" for d in aspect["descriptions"]]
    return "\n".join(lines)
