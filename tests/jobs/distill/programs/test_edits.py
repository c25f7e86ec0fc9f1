"""Operations on texts: known ones are applied, everything else is refused, nothing can be added."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.distill.programs.edits import EditRefused, apply_edits, parse_edits

TEXT = "Home | Login\nThe cat sat.\n\nThe cat  sat.\n  Copyright......2020\n"


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("keep_doc()", TEXT),
        ("remove_lines(0, 0)", "The cat sat.\n\nThe cat  sat.\n  Copyright......2020\n"),
        ("remove_lines(line_start=0, line_end=3)\nnormalize('......', ' ')", "  Copyright 2020\n"),
        ("remove_lines(0, 0)\nremove_lines(4, 4)", "The cat sat.\n\nThe cat  sat.\n"),
        ("normalize_spaces()\ndedupe_lines()\ndrop_empty_lines()", "Home | Login\nThe cat sat.\nCopyright......2020\n"),
        ("normalise(source_str='cat', target_str='dog')", TEXT.replace("cat", "dog")),
    ],
)
def test_known_operations_are_applied_in_order(program: str, text: str) -> None:
    edited = apply_edits(TEXT, program)
    assert edited.text == text and edited.kept
    assert bool(edited.diff) == (text != TEXT)


def test_the_difference_is_stored_and_idle_operations_are_named() -> None:
    edited = apply_edits(TEXT, "remove_lines(0, 0)\nnormalize('dog', 'cat')")
    assert "-Home | Login" in edited.diff.splitlines()
    assert not any(line.startswith("+") and not line.startswith("+++") for line in edited.diff.splitlines())
    assert edited.idle == ("line 2: 'dog' does not stand in the text",)


def test_a_dropped_text_is_empty_and_its_difference_holds_every_line() -> None:
    edited = apply_edits(TEXT, "drop_doc()")
    assert (edited.text, edited.kept) == ("", False)
    assert len([line for line in edited.diff.splitlines() if line.startswith("-") and not line.startswith("---")]) == 5
    assert not apply_edits("a", "remove_lines(0, 0)").kept


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import os", "line 1: only calls"),
        ("x = 1", "line 1: only calls"),
        ("keep_doc()\n__import__('os')", "line 2: __import__ is not one of keep_doc"),
        ("os.system('x')", "line 1: only calls"),
        ("remove_lines(0, 9)", "line 1: lines 0 to 9 do not exist; the text has 0 to 4"),
        ("remove_lines(3, 1)", "do not exist"),
        ("remove_lines(-1, 1)", "line_start must be a whole number"),
        ("remove_lines(0)", "takes line_start, line_end"),
        ("remove_lines(0, 1, 2)", "takes line_start"),
        ("remove_lines(0, line_start=1)", "takes line_start"),
        ("remove_lines(True, 1)", "must be a whole number"),
        ("remove_lines(open('x'), 1)", "must be a whole number"),
        ("normalize('a', 'longer')", "not longer"),
        ("normalize('', '')", "not longer"),
        ("normalize('a\\nb', 'c')", "on one line"),
        ("normalize(1, 'a')", "must be a string"),
        ("normalize(*'ab')", "source_str"),
        ("drop_doc(", "line 1"),
        ("keep_doc()\n" * 201, "201 operations"),
        ("#" * 20_001, "20,001 characters"),
        ("\x00", "null bytes"),
    ],
)
def test_everything_else_is_refused_with_its_line(program: str, words: str) -> None:
    with pytest.raises(EditRefused) as e:
        apply_edits(TEXT, program)
    assert words in str(e.value)


OPERATIONS = st.sampled_from(
    [
        "remove_lines({a}, {b})", "normalize('{s}', '')", "normalize_spaces()", "strip_lines()", "dedupe_lines()", "drop_empty_lines()",
    ]
)  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(st.text("ab \t", max_size=6), max_size=8).map("\n".join),
    st.lists(st.tuples(OPERATIONS, st.integers(0, 3), st.integers(0, 3), st.sampled_from("ab")), max_size=4),
)
def test_what_comes_out_stood_in_what_went_in(text: str, wanted: list[tuple[str, int, int, str]]) -> None:
    program = "\n".join(op.format(a=a, b=b, s=s) for op, a, b, s in wanted)
    try:
        edited = apply_edits(text, program)
    except EditRefused:
        return
    left = iter(text)
    assert all(c in left for c in edited.text if c in "ab")  # a part of it, in its order
    assert len(edited.text.splitlines()) <= len(text.splitlines())


@settings(deadline=None)
@given(st.text(max_size=100))
def test_no_program_makes_it_raise_anything_else(program: str) -> None:
    try:
        parse_edits(program)
    except EditRefused as e:
        assert str(e)
