"""What appears together with what: a weighted graph over the values of several fields, and tuples drawn along its edges."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Node = tuple[str, str]  # (field, value)


@dataclass
class MetaGraph:
    """Nodes are values of fields; an edge weighs as many records as have both its ends.

    A tuple has one value a field, in the order of `fields`: the first by how often it appears, each further one with a
    chance proportional to the summed weight of its edges to the values drawn before it.
    """

    fields: Sequence[str]
    nodes: Counter[Node] = field(default_factory=Counter)
    edges: Counter[tuple[Node, Node]] = field(default_factory=Counter)

    def add(self, record: Mapping[str, Sequence[str]]) -> None:
        """One record: field -> its values."""
        found = [(f, v) for f in self.fields for v in dict.fromkeys(record.get(f, ()))]
        self.nodes.update(found)
        for i, a in enumerate(found):
            for b in found[i + 1 :]:
                if a[0] != b[0]:
                    self.edges[a, b] += 1

    def weight(self, a: Node, b: Node) -> int:
        return self.edges[a, b] or self.edges[b, a]

    def chances(self, name: str, before: Sequence[Node]) -> dict[str, float]:
        """value -> chance of being drawn for the field `name` after these; empty where nothing is connected."""
        values = [v for f, v in self.nodes if f == name]
        weights = {
            v: float(sum(self.weight(b, (name, v)) for b in before) if before else self.nodes[name, v]) for v in values
        }
        total = sum(weights.values())
        return {v: w / total for v, w in weights.items() if w > 0} if total else {}

    def draw(self, rng: random.Random) -> dict[str, str]:
        """field -> value; a field that nothing is connected with is left out."""
        drawn: list[Node] = []
        for name in self.fields:
            if chances := self.chances(name, drawn):
                drawn.append((name, rng.choices(list(chances), list(chances.values()))[0]))
        return dict(drawn)
