"""Entities of passages, and one question for each type of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about
from .template import Prompt
from .texts import STRING, many, missing, read, record

if TYPE_CHECKING:
    from ..rows import Row

PAPER = Paper(
    title="UniversalNER: Targeted Distillation from Large Language Models for Open Named Entity Recognition",
    authors="Zhou, Zhang, Gu, Chen, Poon",
    year=2024,
    venue="ICLR",
    url="https://arxiv.org/abs/2308.03279",
    arxiv="2308.03279",
)
ENTITIES = record(items=many(record(entity=STRING, type=STRING), 0))


class FindEntities(Writer):
    """Adds `entities`, a list of {entity, type}, to each passage. What does not stand in the passage is dropped and counted."""

    id = "find-entities"
    title = "Entities of a passage"
    summary = "The model lists the entities of a passage with a type of its own choice; they are kept beside the row."
    when_to_use = "Before questions about entity types are made; passages need no labels."
    formula = r"\{(e_i, t_i)\} \sim p_T(\cdot \mid d),\quad e_i \in d"
    paper = PAPER
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES, "passage": "the row's text"}
    prompts: ClassVar[dict[str, Prompt]] = {
        "entities": Prompt(
            "{{passage}}\n\n---\nList every entity of this passage and its type. Copy an entity exactly as it stands in "
            "the passage. A type is one or two words in small letters, such as person, chemical compound, court.\n\n"
            'Answer with JSON: {"items": [{"entity": "...", "type": "..."}]}'
        ),
    }

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        (reply,) = yield [desk.ask("entities", about(row, passage=row.question), schema=ENTITIES)]
        said = read(reply.text, ENTITIES)["items"]
        found = [
            {"entity": e["entity"].strip(), "type": " ".join(e["type"].lower().split())}
            for e in said
            if e["entity"].strip() in row.question
        ]
        if said and not found:
            raise Unusable("none of its entities stands in the passage")
        fields = {**row.fields, "entities": found, "entities_dropped": len(said) - len(found)}
        return [Made(row.messages, row.answer, fields, same=True)]


class EntityQuestions(Writer):
    """One row a type: those the passage has, and some it has not, drawn by how often other passages have them."""

    id = "entity-questions"
    title = "Questions about entity types"
    summary = (
        "For each passage with its entities: one question a type, answered with a JSON list, and some answered with []."
    )
    when_to_use = "After the entities were found; the student learns to find any type that is asked for."
    formula = r"y_t = \{e : (e, t) \in E(d)\},\quad t^- \sim P(t),\ t^- \notin E(d) \Rightarrow y = []"
    paper = PAPER
    variables: ClassVar[dict[str, str]] = {}
    prompts: ClassVar[dict[str, Prompt]] = {}

    class Options(Options):
        negatives: int = Field(
            2,
            ge=0,
            le=50,
            title="Types it has not",
            description="Questions a passage that are answered with an empty list.",
        )
        question: str = Field(
            "What describes {type} in the text?",
            pattern=r"\{type\}",
            max_length=500,
            title="Question",
            description="{type} stands for the type.",
        )

    def seeds(self, rows: Sequence[Row], options: Any, desk: Desk) -> Iterable[Seed]:
        tagged = [r for r in rows if "entities" in r.fields]
        counts = Counter(t for r in tagged for t in {e["type"] for e in r.fields["entities"]})
        for row in tagged:
            own = {e["type"] for e in row.fields["entities"]}
            others = {t: n for t, n in counts.items() if t not in own}
            rng = desk.random(Seed(row.row_id), "negatives")
            drawn = list[str]()
            while others and len(drawn) < options.negatives:
                drawn.append(rng.choices(list(others), list(others.values()))[0])
                del others[drawn[-1]]
            yield Seed(row.row_id, (row,), {"negatives": drawn})

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        by_type: dict[str, list[str]] = {t: [] for t in seed.values["negatives"]}
        for e in row.fields["entities"]:
            if e["entity"] not in by_type.setdefault(e["type"], []):
                by_type[e["type"]].append(e["entity"])
        if not by_type:
            raise Unusable("the passage has no entities, and no negative types were asked for")
        if any(missing(found, row.question) for found in by_type.values()):
            raise Unusable("an entity does not stand in the passage")
        out = []
        for kind, found in by_type.items():
            asked = f"Text: {row.question}\n\n{options.question.replace('{type}', kind)} Answer with a JSON list."
            answer = json.dumps(found, ensure_ascii=False)
            fields = {"entity_type": kind, "negative": not found, "domain": row.fields.get("domain")}
            out.append(Made(({"role": "user", "content": asked},), answer, fields))
        return out
        yield []  # a writer that asks nothing is still a generator
