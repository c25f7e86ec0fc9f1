"""Prompts with variables: filled in once, in time, whatever stands in them."""

from __future__ import annotations

import time

import pytest

from jobs.distill.errors import RecipeInvalid
from jobs.distill.writers.template import Prompt


def test_values_are_put_in_and_never_read_as_templates() -> None:
    prompt = Prompt("{{ a }}: {{b}} {{a.__class__}} {a} %s", "{{b}}")
    system, user = prompt.messages({"a": "{{b}} {{a}}", "b": ["x", "y"]})
    assert system == {"role": "system", "content": "- x\n- y"}
    assert user["content"] == "{{b}} {{a}}: - x\n- y (none) {a} %s"


def test_an_unknown_variable_is_named_with_its_line_and_the_nearest() -> None:
    with pytest.raises(RecipeInvalid, match="prompts.ask.user, line 2: there is no variable 'questoin'"):
        Prompt("{{question}}\n{{ questoin }}").check(["question"], "prompts.ask")
    with pytest.raises(RecipeInvalid, match="no variable ''"):
        Prompt("{{  }}").check(["question"], "prompts.ask")


@pytest.mark.parametrize("text", ["{{" + " " * 59_000, "{{ a" * 15_000, "{" * 60_000, "{{" + "a " * 29_000 + "}"])
def test_a_prompt_made_to_be_slow_is_read_in_time(text: str) -> None:
    began = time.process_time()
    assert Prompt(text).variables == [] and time.process_time() - began < 1
