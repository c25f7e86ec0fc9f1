"""Statements that compare two things, over-generated under constraints."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import Desk, Seed, Steps, Unusable, Writer, new
from .template import Prompt
from .texts import STRING, missing, read, record, same

if TYPE_CHECKING:
    from ..rows import Row


class Comparisons(Writer):
    """A pair of things and a property to compare them by; the reply must hold to a schema and name both things."""

    id = "comparisons"
    title = "Comparisons"
    summary = "The model compares two things by a property; the statement must name both, and says which has more."
    when_to_use = "Knowledge about how things differ is wanted as short statements."
    formula = r"\hat s \sim p_T(\cdot \mid a, b, \text{property}),\quad a, b \in \hat s"
    paper = Paper(
        title="NeuroComparatives: Neuro-Symbolic Distillation of Comparative Knowledge",
        authors="Howard, Wang, Lal, Singer, Choi, Swayamdipta",
        year=2024,
        venue="Findings of NAACL",
        url="https://arxiv.org/abs/2305.04978",
        arxiv="2305.04978",
    )
    variables: ClassVar[dict[str, str]] = {"a": "the first thing", "b": "the second", "property": "what is compared"}
    prompts: ClassVar[dict[str, Prompt]] = {
        "compare": Prompt(
            "Compare {{a}} and {{b}} by this property: {{property}}.\n\nWrite one general statement of the form "
            '"Compared to ..., ... is more/less/-er ...", that most people who know both would call true, with both '
            "names as they are spelled here. Say which of the two has more of the property; where they do not differ or it depends, "
            'say neither.\n\nAnswer with JSON: {"statement": "...", "more": "{{a}}, {{b}} or neither"}'
        ),
    }

    class Options(Options):
        things: list[str] = Field(
            [],
            max_length=100_000,
            title="Things",
            description="One a line. Empty: the rows' questions are the things, compared within a domain.",
        )
        properties: list[str] = Field(
            ["size", "weight", "price", "strength", "speed", "durability", "comfort", "ease of use"],
            min_length=1,
            max_length=1000,
            title="Properties",
            description="One a line.",
        )
        number: int = Field(1000, ge=1, le=10_000_000, title="At most", description="Pairs with a property.")
        both_ways: bool = Field(
            True,
            title="Ask both ways round",
            description="Each pair also with the names swapped, so that a model that contradicts itself shows it.",
        )

    def seeds(self, rows: Sequence[Row], options: Any, desk: Desk) -> Iterable[Seed]:
        groups: dict[str, dict[str, Row | None]] = {}
        for thing in options.things:
            groups.setdefault("", {})[thing.strip()] = None
        for row in rows if not options.things else ():
            groups.setdefault(str(row.fields.get("domain", "")), {}).setdefault(row.question.strip(), row)
        every = [
            (a, b, p, group)
            for group in groups.values()
            for a, b in itertools.combinations(group, 2)
            for p in options.properties
        ]
        desk.random(Seed("comparisons")).shuffle(every)
        for a, b, p, group in every[: options.number]:
            rows_of = tuple(r for r in (group[a], group[b]) if r)
            for first, second in ((a, b), (b, a)) if options.both_ways else ((a, b),):
                values = {"a": first, "b": second, "property": p}
                yield Seed(f"{first}|{second}|{p}", rows_of, values)

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        a, b = seed.values["a"], seed.values["b"]
        schema = record(statement=STRING, more={"enum": [a, b, "neither"]})
        (reply,) = yield [desk.ask("compare", seed.values, schema=schema)]
        said = read(reply.text, schema)
        if said["more"] == "neither":
            raise Unusable("the model sees no difference")
        if lost := missing((a, b), said["statement"]):
            raise Unusable(f"the statement does not name {' and '.join(lost)}")
        less = b if same(said["more"]) == same(a) else a
        first, second = sorted((a, b))
        asked = f"How do {first} and {second} compare in {seed.values['property']}?"
        comparison = {"more": said["more"], "less": less, "property": seed.values["property"]}
        return [new(asked, said["statement"], comparison=comparison, synthetic=True)]
