from __future__ import annotations

from tests.jobs.distill.writers.speaking import row, write


def test_the_label_is_never_shown_and_the_text_is_explained():
    seen = []
    (made,) = write(
        "interpretation",
        row("Great food, slow staff.", "mixed"),
        lambda turn, q: seen.append(turn) or "Food: positive.",
    )
    assert "mixed" not in seen[0] and made.answer == "Food: positive."
    assert made.messages[-1]["content"].endswith("Great food, slow staff.") and made.fields["task"] == "explain"
    assert "gold" not in made.fields
