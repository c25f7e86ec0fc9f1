from __future__ import annotations

import pytest

from tests.jobs.distill.writers.saying import every, row

TEXT = "Home | Login\nWhales are mammals.\n====\nThey breathe air."


def test_operations_are_carried_out_and_the_diff_is_kept() -> None:
    program = '```python\nremove_lines(0, 0)\nnormalize("====", "")\ndrop_empty_lines()\n```'
    made, _ = every("edit-program", [row(TEXT, domain="sea")], lambda q: program if "[2] ====" in q else "")
    assert made[0].messages[-1]["content"] == "Whales are mammals.\nThey breathe air." and made[0].answer is None
    assert "-Home | Login" in made[0].fields["diff"] and made[0].fields["domain"] == "sea" and made[0].same
    assert set(made[0].messages[-1]["content"].splitlines()) <= set(TEXT.splitlines())


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("drop_doc()", "drops the text"),
        ("__import__('os').system('ls')", "refused: line 1"),
        ("remove_lines(0, 9)", "do not exist"),
        ('normalize("a", "aaaa")', "not longer"),
        ("remove_lines(1, 3)", "leaves 22%"),
    ],
)
def test_what_is_no_edit_is_refused_with_the_reason(program: str, why: str) -> None:
    made, reasons = every("edit-program", [row(TEXT)], lambda q: program, least=0.3)
    assert not made and why in reasons[0]


def test_an_answer_is_edited_and_what_it_was_stays_as_gold() -> None:
    made, _ = every("edit-program", [row("q", "a\nb")], lambda q: "remove_lines(1, 1)")
    assert (made[0].answer, made[0].fields["gold"], made[0].messages[-1]["content"]) == ("a", "a\nb", "q")
