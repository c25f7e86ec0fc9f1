"""Recipe to board to recipe is the identity, for any recipe; and so is its text."""

from __future__ import annotations

import uuid
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

from django.template.loader import render_to_string
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from jobs.distill import recipe as recipes
from jobs.distill.catalog import SYSTEMS, options_schema
from jobs.distill.catalog.tables import KINDS
from jobs.distill.errors import RecipeInvalid
from workbench.studio import comments, differences, editing, forms, lanes, naming, nodes, queries, reading, recipe_text

from . import recipes_strategy as any_recipe
from .test_nodes import Controls, bare

# Without shrinking: a recipe that fails is readable as it is, and each try draws a whole form.
EXAMPLES = settings(
    max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate)
)  # fmt: skip
MORE = settings(EXAMPLES, max_examples=50)


def sent(fields: dict[str, Any]) -> dict[str, str]:
    """What a browser sends for the board of these fields: the page's own templates, read back as a form."""
    system, more = queries.system_of(fields), nodes.rest(fields)
    spelled = bool(fields.get("stages"))
    context = {"draft": SimpleNamespace(id=uuid.uuid4()), "spelled": spelled, "flat": True, "oob": False}
    form = Controls()
    for card in forms.CARDS:
        simple, advanced = forms.inputs(card, fields)
        for field in () if spelled and card == "training" else (*simple, *advanced):
            form.feed(render_to_string("studio/_partials/input.html", {"field": field}))
        form.feed(render_to_string("studio/_partials/more.html", context | {"card": card, "nodes": more.get(card)}))
    for field in options(fields, system):
        form.feed(render_to_string("studio/_partials/input.html", {"field": field}))
    return form.sent


def options(fields: dict[str, Any], system: Any) -> list[forms.Input]:
    return forms.option_inputs(options_schema(system), fields) if system else []


NAMED_BY = [(name, table) for name, table in nodes.TYPED.values() if table is not KINDS["adapter"]]


def said(fields: dict[str, Any]) -> dict[str, Any]:
    """The recipe with every option written out, whether it stands at its default or not."""
    out = recipes.parse(fields).model_dump()
    for _, stage in naming.all_stages(out):
        for thing in (stage, *stage.get("terms", []), *stage.get("checks", [])):
            part = next((t[thing[name]] for name, t in NAMED_BY if thing.get(name) in t), None)
            if part is not None and "options" in thing:
                defaults = {k: f.get_default() for k, f in part.Options.model_fields.items()}
                thing["options"] = {**defaults, **thing["options"]}
    if out["method"]:
        defaults = {k: o.default for k, o in SYSTEMS[out["method"]].options.items()}
        out["options"] = {**defaults, **out["options"]}
    return out


@EXAMPLES
@given(any_recipe.fields())
def test_a_form_that_is_sent_as_it_was_shown_changes_nothing(fields: dict[str, Any]) -> None:
    assert reading.parse(sent(fields), fields, options(fields, queries.system_of(fields))) == fields


@EXAMPLES
@given(any_recipe.fields(plain=True))
def test_the_form_alone_brings_back_the_recipe_it_shows(fields: dict[str, Any]) -> None:
    picked = {p: str(v) for p in forms.PICKED if (v := forms.paths.get(fields, p)) is not None}
    little = {k: bare(v, k) for k, v in fields.items() if isinstance(v, dict | list) and k != "options"}
    found = reading.parse(sent(fields) | picked, little, options(fields, queries.system_of(fields)))
    assert said(found) == said(fields)


@MORE
@given(any_recipe.fields())
def test_the_text_says_the_same_recipe(fields: dict[str, Any]) -> None:
    recipe = recipes.parse(fields)
    assert recipes.from_yaml(recipes.to_yaml(recipe)) == recipe
    text = recipe_text.dump(fields)
    assert recipe_text.load(text) == (fields, [])
    rows = text.splitlines()
    said = "\n".join(f"# {n}\n{row}" if n == 0 else row for n, row in enumerate(rows)) + "\n# last\n"
    again = recipe_text.dump(fields, comments.find(said))
    assert recipe_text.load(again) == (fields, []) and "# 0" in again and "# last" in again


@MORE
@given(any_recipe.fields(), st.data())
def test_the_buttons_of_the_board_undo_each_other(fields: dict[str, Any], data: Any) -> None:
    before = deepcopy(fields)
    try:
        spelled = fields if fields.get("stages") else editing.spell_out(fields)
    except RecipeInvalid:  # options that do not go together; the board says so
        assume(False)
    count = len(spelled["stages"])
    assert len(lanes.lanes(spelled["stages"]).cards) == count
    i, j = data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, count - 1))

    def back(first: str, second: str) -> bool:
        return editing.edit(editing.edit(spelled, first, {}).fields, second, {}).fields == spelled

    assert back(f"move:stages.{i}:{j}", f"move:stages.{j}:{i}")
    assert back(f"copy:stages.{i}", f"remove:stages.{i + 1}")
    for kind in lanes.WORDS:
        assert back(f"insert:stages.{i}:{kind}", f"remove:stages.{i}")
    assert fields == before


@MORE
@given(any_recipe.fields(), any_recipe.fields())
def test_two_recipes_differ_where_and_only_where_they_do(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert differences.between(a, a) == []
    found = differences.between(a, b)
    assert bool(found) == (a != b) and all(d.words and d.title for d in found)
