"""Structured facts first, then a text that states them: the pairs train an extractor."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import Desk, Seed, Steps, Unusable, Writer, new
from .template import Prompt
from .texts import missing, stripped

if TYPE_CHECKING:
    from ..rows import Row

Fact = tuple[str, str, str]  # subject, relation, object


class FactsToText(Writer):
    """Sets of facts are drawn with the relations' frequencies flattened; the model writes a text that states them all."""

    id = "facts-to-text"
    title = "Text for given facts"
    summary = "The model writes a text that states given facts; the row asks for the facts of the text."
    when_to_use = "Writing for a structure is easy and reading it out is hard: extraction with few labelled rows."
    formula = r"y \sim P(r) \propto n_r^{\alpha},\quad \hat x \sim p_T(\cdot \mid y),\quad \text{train } x \to y"
    paper = Paper(
        title="Exploiting Asymmetry for Synthetic Training Data Generation: SynthIE and the Case of Information Extraction",
        authors="Josifoski, Sakota, Peyrard, West",
        year=2023,
        venue="EMNLP",
        url="https://arxiv.org/abs/2303.04132",
        arxiv="2303.04132",
    )
    variables: ClassVar[dict[str, str]] = {
        "facts": "the facts, one a line: subject | relation | object",
        "missing": "entities that the first text does not mention, for the second try",
        "text": "the first text, for the second try",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "text": Prompt(
            "Write a short, natural text that states exactly these facts and no others:\n{{facts}}\n\n"
            "Write every subject and object as it is spelled above. No list, no remarks: the text alone."
        ),
        "again": Prompt(
            "Facts:\n{{facts}}\n\nText:\n{{text}}\n\nThe text does not mention, as spelled above:\n{{missing}}\n\n"
            "Write the text again so that it states all facts. The text alone."
        ),
    }

    class Options(Options):
        number: int = Field(1000, ge=1, le=10_000_000, title="New rows", description="How many are asked for.")
        least: int = Field(1, ge=1, le=50, title="Facts a text, at least")
        most: int = Field(3, ge=1, le=50, title="Facts a text, at most")
        flatten: float = Field(
            0.0,
            ge=0,
            le=1,
            title="Share of the frequency",
            description="A relation is drawn in proportion to its frequency to this power. 0: all alike, 1: as in the data.",
        )
        connected: bool = Field(
            True, title="Connected", description="The facts of a text share entities where they can."
        )
        instruction: str = Field(
            "List the facts of this text as JSON: [[subject, relation, object], ...].",
            max_length=2000,
            title="Instruction",
            description="What the rows ask for, before the text.",
        )

    def seeds(self, rows: Sequence[Row], options: Any, desk: Desk) -> Iterable[Seed]:
        facts = facts_of(rows)
        if not facts:
            return
        most = max(options.least, options.most)
        draw = FactSampler(facts, options.flatten, options.connected)
        for n in range(options.number):
            rng = desk.random(Seed(f"facts-{n}"))
            chosen = draw.some(rng.randint(options.least, most), rng)
            yield Seed(f"facts-{n}", (), {"facts": [list(f) for f in chosen]})

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        facts = seed.values["facts"]
        entities = list(dict.fromkeys(e for s, _, o in facts for e in (s, o)))
        values: dict[str, Any] = {"facts": "\n".join(" | ".join(f) for f in facts)}
        (reply,) = yield [desk.ask("text", values)]
        text = stripped(reply.text)
        if lost := missing(entities, text):
            (reply,) = yield [desk.ask("again", {**values, "text": text, "missing": lost})]
            text = stripped(reply.text)
            lost = missing(entities, text)
        if lost:
            raise Unusable(f"the text does not mention {', '.join(lost)}")
        asked = f"{options.instruction}\n\n{text}" if options.instruction else text
        return [new(asked, json.dumps(facts, ensure_ascii=False), synthetic=True)]


class FactSampler:
    """Draws sets of different facts: the relation first, with flattened frequency, then a fact of it."""

    def __init__(self, facts: Sequence[Fact], flatten: float, connected: bool) -> None:
        self.by_relation: dict[str, list[Fact]] = {}
        self.by_entity: dict[str, list[Fact]] = {}
        counts = Counter(r for _, r, _ in facts)
        for fact in dict.fromkeys(facts):
            self.by_relation.setdefault(fact[1], []).append(fact)
            for entity in (fact[0], fact[2]):
                self.by_entity.setdefault(entity, []).append(fact)
        self.weights = {r: counts[r] ** flatten for r in self.by_relation}
        self.connected = connected

    def one(self, among: Sequence[Fact] | None, rng: random.Random) -> Fact:
        relations = list(dict.fromkeys(f[1] for f in among)) if among else list(self.by_relation)
        relation = rng.choices(relations, [self.weights[r] for r in relations])[0]
        pool = [f for f in among if f[1] == relation] if among else self.by_relation[relation]
        return rng.choice(pool)

    def some(self, n: int, rng: random.Random) -> list[Fact]:
        chosen = [self.one(None, rng)]
        while len(chosen) < n:
            entities = [e for f in chosen for e in (f[0], f[2])]
            near = [f for e in entities for f in self.by_entity[e] if f not in chosen] if self.connected else []
            left = near or [f for fs in self.by_relation.values() for f in fs if f not in chosen]
            if not left:
                break
            chosen.append(self.one(left, rng))
        return chosen


def facts_of(rows: Sequence[Row]) -> list[Fact]:
    """Every fact of the rows' answers, in order, repeated as often as it stands there. A row without facts adds none."""
    out = []
    for row in rows:
        try:
            value = json.loads(str(row.fields.get("gold", row.answer) or ""))
        except (ValueError, RecursionError):
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and {"subject", "relation", "object"} <= set(item):
                item = [item["subject"], item["relation"], item["object"]]
            if isinstance(item, list) and len(item) == 3 and all(isinstance(p, str) and p.strip() for p in item):
                out.append((item[0].strip(), item[1].strip(), item[2].strip()))
    return out
