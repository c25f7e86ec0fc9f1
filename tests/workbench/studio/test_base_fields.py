"""Four bits, LoftQ and longer rows are fields of the studio, of the API's schema and of a recipe's text, from one class."""

from __future__ import annotations

from jobs.distill.recipe import Recipe
from workbench.studio import forms, nodes


def test_the_form_has_them_with_the_schema_s_words() -> None:
    fields = {"student": {"model": "sample/s", "context": {"times": 4}}, "teacher": {"model": "sample/t"}}
    found = {i.path: i for i in nodes.leaves(nodes.tree({**fields, "method": "sft", "data": {"dataset": "d"}}))}
    schema = Recipe.model_json_schema()["$defs"]
    for who, name in (("teacher", "ModelRef"), ("student", "Student")):
        asked = found[f"{who}.quantise"]
        assert dict(asked.choices)["nf4"] == "4 bits (NF4)"
        assert asked.help == schema[name]["properties"]["quantise"]["description"]
        assert f"{who}.quantise" in forms.CARDS[who][1]
    for part in ("times", "theta", "scaling"):
        assert found[f"student.context.{part}"].help == schema["Context"]["properties"][part]["description"]
    assert "loftq" in dict(found["student.adapter.start"].choices)
    assert {"linear", "dynamic", "yarn"} <= set(dict(found["student.context.scaling"].choices))


def test_the_group_is_offered_where_it_is_absent() -> None:
    fields = {"method": "sft", "student": {"model": "s"}, "data": {"dataset": "d"}}

    def paths(tree: tuple[nodes.Node, ...]) -> set[str]:
        return {p for n in tree for p in (n.path, *paths(n.children))}

    assert "student.context" in paths(nodes.tree(fields))
