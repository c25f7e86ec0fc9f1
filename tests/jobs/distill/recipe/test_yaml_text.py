"""YAML from people: every text gives plain data or a sentence with its place, never a process that ends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.distill.errors import RecipeInvalid
from jobs.distill.recipe import from_yaml
from jobs.distill.recipe.yaml_text import WrongYaml, read

BOMB = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else '1'] * 10)}]\n" for i in range(9))


def test_it_reads_plain_data_and_the_tree_it_came_from() -> None:
    data, tree = read("a: &x [1, 2.5, null, yes]\nb: {c: *x, 2: d}\n")
    assert data == {"a": [1, 2.5, None, True], "b": {"c": [1, 2.5, None, True], 2: "d"}}
    assert tree is not None and tree.value[1][0].start_mark.line == 1
    assert read("") == (None, None)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("name: 2024-13-45", (1, 7), "'2024-13-45' is no value of its kind"),
        ("a: 1\nb: " + "9" * 5000, (2, 4), "is no value of its kind"),
        ("a: !!bool maybe", (1, 4), "'maybe' is no value of its kind"),
        ("a: !!timestamp now", (1, 4), "'now' is no value of its kind"),
        ("a: !!python/name:os.system x", (1, 4), "could not determine a constructor"),
        ("a: 1\na: 2", (2, 1), "the key a stands twice here, first in line 1; keep one"),
        ("a: &a [*a]", (1, 4), "holds itself"),
        (BOMB, (5, 5), "more than 50,000 values"),
        ("[" * 190_000, (1, 101), "nested too deeply, more than 100"),
        ("- " * 90_000, (1, 201), "nested too deeply"),
        ("a: [1", (2, 1), "expected"),
        ("\0", (None, None), ""),
    ],
    ids=["date", "digits", "bool", "time", "python", "twice", "itself", "bomb", "brackets", "dashes", "open", "nul"],
)
def test_what_cannot_be_read_is_said_with_its_place(text: str, where: tuple[int | None, int | None], what: str) -> None:
    with pytest.raises(WrongYaml) as caught:
        read(text)
    assert (caught.value.line, caught.value.column) == where or where[0] is None
    assert what in caught.value.what


def test_a_recipe_with_such_a_text_is_refused_in_words() -> None:
    for text in ("name: 2024-13-45", "[" * 190_000, BOMB, "seed: 1\nseed: 2"):
        with pytest.raises(RecipeInvalid, match="^Line [0-9]+, column [0-9]+: .*[.]$"):
            from_yaml(text)


@settings(deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"# \n,?0", max_size=60))
def test_no_text_makes_it_raise_anything_else(text: str) -> None:
    try:
        read(text)
    except WrongYaml as e:
        assert e.what
