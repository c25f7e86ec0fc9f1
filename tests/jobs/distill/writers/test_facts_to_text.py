from __future__ import annotations

import json
import random
from collections import Counter

from jobs.distill.writers.facts_to_text import FactSampler, facts_of
from tests.jobs.distill.writers.saying import every, row, seeds

FACTS = [["Bern", "capital of", "Switzerland"], ["Rhine", "flows through", "Basel"]]
ROWS = [row("t1", json.dumps(FACTS[:1] * 9)), row("t2", json.dumps(FACTS[1:])), row("t3", "no facts"), row("t4")]


def test_relations_are_flattened() -> None:
    facts = facts_of(ROWS)
    assert len(facts) == 10
    for flatten, share in ((0.0, 0.5), (1.0, 0.9), (0.5, 0.75)):
        rng, draw = random.Random(0), FactSampler(facts, flatten, True)
        counts = Counter(draw.some(1, rng)[0][1] for _ in range(4000))
        assert abs(counts["capital of"] / 4000 - share) < 0.03


def test_facts_of_a_text_differ_and_share_entities() -> None:
    facts = [("a", "r", "b"), ("b", "s", "c"), ("x", "r", "y"), ("y", "s", "z")]
    for seed in range(20):
        chosen = FactSampler(facts, 0, True).some(2, random.Random(seed))
        assert len(set(chosen)) == 2 and {chosen[0][0], chosen[0][2]} & {chosen[1][0], chosen[1][2]}
    assert len(FactSampler(facts, 0, False).some(9, random.Random(0))) == 4


def test_a_text_mentions_each_entity_or_is_left_out() -> None:
    def says(asked: str) -> str:
        if "does not mention" in asked:
            assert "- Switzerland" in asked or "- Basel" in asked
            return "Bern is the capital of Switzerland." if "Bern" in asked else "The Rhine."
        return "bern." if "Bern" in asked else "The Rhine."

    made, reasons = every("facts-to-text", ROWS, says, number=12, most=1)
    assert {m.answer for m in made} == {json.dumps(FACTS[:1])}
    assert all(m.messages[-1]["content"].endswith("capital of Switzerland.") for m in made)
    assert set(reasons) == {"the text does not mention Basel"} and len(made) + len(reasons) == 12
    assert seeds("facts-to-text", ROWS[2:]) == []


def test_facts_are_read_from_lists_and_objects() -> None:
    assert facts_of([row("q", '{"subject": "a", "relation": "r", "object": "b"}'), row("p", '[["a", 1, "b"]]')]) == [
        ("a", "r", "b")
    ]
