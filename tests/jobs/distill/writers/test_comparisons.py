from __future__ import annotations

import json

from tests.jobs.distill.writers.saying import every, row, seeds


def said(statement: str, more: str) -> str:
    return json.dumps({"statement": statement, "more": more})


def test_pairs_are_asked_both_ways_within_a_domain() -> None:
    rows = [row("tea", domain="drinks"), row("milk", domain="drinks"), row("oak", domain="trees")]
    drawn = seeds("comparisons", rows, properties=["price"])
    assert {(s.values["a"], s.values["b"]) for s in drawn} == {("tea", "milk"), ("milk", "tea")}
    assert {r.question for r in drawn[0].rows} == {"tea", "milk"}
    assert len(seeds("comparisons", [], things=["a", "b", "c"], properties=["p", "q"], both_ways=False)) == 6


def test_a_statement_names_both_and_says_which_has_more() -> None:
    asked = {"things": ["steel", "wool"], "properties": ["weight"], "both_ways": False}
    made, _ = every("comparisons", [], lambda q: said("Compared to wool, steel is heavier.", "steel"), **asked)
    assert made[0].fields["comparison"] == {"more": "steel", "less": "wool", "property": "weight"}
    assert made[0].messages[-1]["content"] == "How do steel and wool compare in weight?"
    for reply, why in (
        (said("Steel is heavier.", "steel"), "the statement does not name wool"),
        (said("x", "neither"), "the model sees no difference"),
        (said("steel, wool", "iron"), "none of"),
    ):
        assert why in every("comparisons", [], lambda q, reply=reply: reply, **asked)[1][0]
