from __future__ import annotations

import pytest

from jobs.distill.writers.base import Unusable
from tests.jobs.distill.writers.speaking import row, script, write

SUM = row("What is 3 * 4?", "12")
CHAIN = "Multiply. 3 * 4 = 12.\nReflection: 4 + 4 + 4 is 12 too.\nAnswer: 12"


def test_a_chain_has_its_three_sections_and_ends_rightly():
    (made,) = write("long-chain", SUM, script(CHAIN))
    assert made.answer == f"Plan: {CHAIN}" and made.fields["final"] == "12" and made.same
    assert made.fields["rationale"] == "Plan: Multiply. 3 * 4 = 12.\nReflection: 4 + 4 + 4 is 12 too."


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (CHAIN.replace("Reflection: ", ""), "section 'Reflection' is missing"),
        (CHAIN.replace("Answer: 12", "Answer: 13"), "ends in '13'"),
        ("x\nAnswer: 12\nReflection: y", "another order"),
    ],
)
def test_other_chains_are_left_out(text: str, why: str):
    with pytest.raises(Unusable, match=why):
        write("long-chain", SUM, script(text))
