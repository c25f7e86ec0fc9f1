"""What all writers of new inputs and of documents have in common."""

from __future__ import annotations

import pytest

from jobs.distill.catalog.parts.input_writers import INPUTS

WRITERS = pytest.mark.parametrize("writer", INPUTS, ids=lambda w: w.id)


@WRITERS
def test_its_prompts_use_only_variables_that_it_lists(writer) -> None:
    for step, prompt in writer.prompts.items():
        prompt.check(writer.variables, step)
        assert prompt.variables, "a prompt without a variable asks the same of every row"
    used = {v for p in writer.prompts.values() for v in p.variables}
    of_rows = {"question", "answer", "rationale", "domain", "conversation"}
    assert set(writer.variables) - used <= of_rows | {"document", "domain"}, "a variable that no prompt shows"


@WRITERS
def test_every_option_has_a_title_and_numbers_have_a_range(writer) -> None:
    schema = writer.Options.model_json_schema()["properties"]
    for name, field in schema.items():
        assert field["title"] != name.replace("_", " ").title() or len(name) < 12, f"{name} has no title of its own"
        for kind in field.get("anyOf", [field]):
            if kind.get("type") in ("integer", "number"):
                assert {"minimum", "exclusiveMinimum"} & set(kind) and {"maximum", "exclusiveMaximum"} & set(kind), name
    writer.Options()
