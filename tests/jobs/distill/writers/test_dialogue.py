from __future__ import annotations

import json

import numpy as np
import pytest

from jobs.distill.rows import Renderer, Row
from tests.jobs.distill import tiny
from tests.jobs.distill.writers.saying import every, row

DOCUMENT = "The drug Zolamine lowers fever. Doctors at Basel found it in 1932."


def told(*contents: str) -> str:
    roles = ("user", "assistant")
    return json.dumps({"turns": [{"role": roles[k % 2], "content": c} for k, c in enumerate(contents)]})


GOOD = told("What is it?", "Zolamine lowers fever.", "Since when?", "Since 1932, from Basel.")


def test_each_assistant_turn_is_learnt_once_and_no_user_turn() -> None:
    made, _ = every("dialogue", [row(DOCUMENT, domain="drugs")], lambda q: GOOD)
    assert [m.answer for m in made] == ["Zolamine lowers fever.", "Since 1932, from Basel."]
    assert [len(m.messages) for m in made] == [1, 3] and made[1].messages[1]["content"] == made[0].answer
    assert made[0].fields["facts_kept"] == 1.0
    renderer = Renderer(tiny.tokenizer(), [1])
    examples = [renderer.example(Row("r", m.messages, m.answer, "train", 0, False)) for m in made]
    learnt = [renderer.decode(list(np.asarray(e.ids[e.start :]))) for e in examples]
    assert learnt == [m.answer for m in made] and not any("?" in text for text in learnt)


def test_lost_facts_are_asked_for_once_more_then_left_out() -> None:
    asked: list[str] = []

    def says(question: str) -> str:
        asked.append(question)
        return told("What?", "It lowers fever.") if len(asked) == 1 else GOOD

    made, reasons = every("dialogue", [row(DOCUMENT)], says)
    assert len(made) == 2 and not reasons and "- Zolamine\n- Basel\n- 1932" in asked[1]
    _, reasons = every("dialogue", [row(DOCUMENT)], lambda q: told("What?", "Zolamine."))
    assert reasons == ["it keeps 33% of the facts, 80% are wanted; not said: Basel, 1932"]


@pytest.mark.parametrize("said", [told("a", "b").replace("user", "assistant"), told("a", " ")])
def test_turns_out_of_order_or_empty_are_listed(said: str) -> None:
    assert every("dialogue", [row("no facts here")], lambda q: said)[1]
