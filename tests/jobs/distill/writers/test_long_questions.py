from __future__ import annotations

import json
import random
from collections import Counter

from jobs.distill.writers.long_questions import FIELDS, citations, graph_of
from jobs.distill.writers.meta_graph import MetaGraph
from tests.jobs.distill.writers.saying import every, row, seeds

META = {name: [] for name in FIELDS}


def test_tuples_follow_the_weights_of_the_graph() -> None:
    graph = MetaGraph(("kind", "task"))
    for kind, task, times in (("law", "sum up", 6), ("law", "compare", 2), ("novel", "compare", 4)):
        for _ in range(times):
            graph.add({"kind": [kind], "task": [task]})
    assert graph.chances("task", [("kind", "law")]) == {"sum up": 0.75, "compare": 0.25}
    assert graph.chances("task", [("kind", "novel")]) == {"compare": 1.0}
    rng = random.Random(0)
    drawn = Counter(tuple(graph.draw(rng).values()) for _ in range(6000))
    expected = {("law", "sum up"): 0.5, ("law", "compare"): 1 / 6, ("novel", "compare"): 1 / 3}
    assert set(drawn) == set(expected)
    assert all(abs(drawn[t] / 6000 - p) < 0.02 for t, p in expected.items())


def test_meta_information_stands_beside_the_row() -> None:
    said = json.dumps({**META, "task": ["Comparing "], "form": ["table"]})
    made, reasons = every("meta-information", [row("q", "a")], lambda _: said)
    assert made[0].fields["meta"]["task"] == ["comparing"] and made[0].answer == "a" and not reasons
    assert every("meta-information", [row("q")], lambda _: json.dumps(META))[1] == ["every field is empty"]
    assert graph_of([row("q", meta=made[0].fields["meta"])]).nodes[("form", "table")] == 1


def test_an_answer_must_cite_two_documents() -> None:
    rows = [row(f"text {n}") for n in range(5)] + [row("q", "a", meta={**META, "task": ["comparing"]})]

    def says(asked: str) -> str:
        if "Write a request" in asked:
            assert "- task: comparing" in asked and "Document [2]:" in asked
            return "Compare them."
        return "Both [1, 2]." if "text 0" in asked else "One [1], and [7]."

    made, reasons = every("long-questions", rows, says, number=20)
    assert made and reasons and len(made) + len(reasons) == 20
    assert all(len(m.fields["cited"]) == 2 and m.messages[-1]["content"].endswith("Compare them.") for m in made)
    assert set(reasons) == {"it cites 1 of 2 documents, at least 2 are wanted"}
    assert all("meta" not in r.fields for s in seeds("long-questions", rows, number=9) for r in s.rows)


def test_citations_are_read_alone_and_together() -> None:
    assert citations("a [1], b [2, 3] and [x] 4") == [1, 2, 3]
