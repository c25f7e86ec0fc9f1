from __future__ import annotations

import pytest

from jobs.distill.catalog.parts.writers import WRITING
from jobs.distill.errors import RecipeInvalid
from jobs.distill.writers.base import Unusable
from tests.jobs.distill.writers.speaking import desk, row, script, write

ROWS = [row(f"where is my card number {n}", "card lost", f"r{n}") for n in range(5)]
TASK = {"instruction": "Name the intent of a customer's message.", "examples": 3, "rows": 4}


def seeds():
    part = WRITING["self-guide"]()
    return list(part.seeds(ROWS, part.Options(**TASK), desk("self-guide", ROWS)))


def test_rows_are_made_of_one_instruction_and_three_examples():
    found = seeds()
    assert len(found) == 4 and len({s.id for s in found}) == 4 and all(len(s.rows) == 3 for s in found)
    (made,) = write("self-guide", found[0], script("Input: my card is gone since monday\nAnswer: x", "card lost\n\nQuestion: more"), desk("self-guide", ROWS), **TASK)  # fmt: skip
    assert made.messages[-1]["content"] == "my card is gone since monday" and made.answer == "card lost"


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["?!"], "noise: the input has no letters"),
        (["word " * 40], "length: the input has 40 words, 1 to 18"),
        (["EXAMPLE", "card lost"], "is one of the examples"),
        (["my card is gone today", "As an AI I say card lost"], "noise: the answer talks"),
        (["my card is gone today", "my card is gone today"], "repeats the input"),
    ],
)
def test_noise_and_lengths_are_left_out_by_name(texts: list[str], why: str):
    seed = seeds()[0]
    texts = [t.replace("EXAMPLE", seed.rows[0].question) for t in texts]
    with pytest.raises(Unusable, match=why):
        write("self-guide", seed, script(*texts), desk("self-guide", ROWS), **TASK)


def test_an_instruction_is_needed():
    part = WRITING["self-guide"]()
    with pytest.raises(RecipeInvalid, match="say in words what the task is"):
        part.check(part.Options(), "options")
