from __future__ import annotations

from typing import Any

import pytest

from tests.workbench.samples import sample_library
from workbench.studio import recipe_text
from workbench.studio.models import Draft

FIELDS = {
    "name": "Intents", "method": "llm-neo", "options": {"k": 0.7}, "train": {"learning_rate": 0.001}, "teacher": {"model": "sample/banking77-teacher"},
    "student": {"model": "sample/banking77-student", "adapter": {"rank": 8}}, "data": {"dataset": "sample/banking77"},
}  # fmt: skip


def test_it_reads_back_what_it_wrote() -> None:
    fields, problems = recipe_text.load(recipe_text.dump(FIELDS))
    assert not problems and {k: v for k, v in fields.items() if k != "version"} == FIELDS


def test_it_accepts_a_recipe_that_is_not_finished() -> None:
    assert recipe_text.load("method: sft\n") == ({"method": "sft"}, [])


BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("method: sft\nstudent:\n  model: a\n  banana: 1\n", 4, 3, "unknown field"),
        ("method: sft\nseed: [1\n", 3, 1, "expected"),
        ("student: {model: a}\ntrain:\n  epochs: 1000000000\n", 3, 3, "10000"),
        ("student: {model: a, adapter: {rank: 0}}\n", 1, 31, "greater than or equal to 1"),
        (
            "stages:\n- kind: train\n  epochs: 1\n  terms:\n  - type: jsd\n    weight: -1\n",
            6,
            5,
            "greater than or equal",
        ),
        ("- a\n- b\n", 1, 1, "mapping"),
        ("version: 99\nmethod: sft\n", 1, 1, "newer version"),
        ("a: 1\nb: !!python/object:os.system x\n", 2, 4, "Could not determine a constructor"),
        ("seed: 1\na: &a [*a, *a]\n", 2, 4, "holds itself"),
        ("seed: 1\nname: a\nseed: 2\n", 3, 1, "The key seed stands twice here, first in line 1"),
        (BOMB, 5, 4, "more than 50,000 values"),
        ("seed: 1\nname: 2026-01-01\n", 2, 1, "cannot be stored"),
        ("name: 'a\nseed: 1\n", 3, 1, "line 1"),
    ],
)
def test_it_names_line_and_column_of_an_error(text: str, line: int, column: int, says: str) -> None:
    _, problems = recipe_text.load(text)
    assert (problems[0].line, problems[0].column) == (line, column) and says in problems[0].message


def test_it_takes_a_recipe_over_and_keeps_a_wrong_one_on_the_page(client_of: Any, alice: Any, team_a: Any) -> None:
    sample_library()
    draft, browser = Draft.objects.create(team=team_a, created_by=alice), client_of(alice)
    wrong = browser.post(f"/studio/{draft.id}/recipe/", {"recipe": "method: sft\nbanana: 1\n"})
    assert wrong.status_code == 422 and "Line 2" in wrong.content.decode() and "banana: 1" in wrong.content.decode()
    browser.post(f"/studio/{draft.id}/recipe/", {"recipe": recipe_text.dump(FIELDS)})
    draft.refresh_from_db()
    assert draft.fields == FIELDS
    page = browser.get(f"/studio/{draft.id}/")
    assert page.context["check"].ok and b'value="0.7"' in page.content and b'value="8"' in page.content
    assert recipe_text.load(browser.get(f"/studio/{draft.id}/recipe.yaml").content.decode())[0]["options"] == {"k": 0.7}


def test_it_keeps_stages_that_are_spelled_out(client_of: Any, alice: Any, team_a: Any) -> None:
    sample_library()
    stages = [{"kind": "train", "name": "warm", "steps": 20, "terms": [{"type": "cross-entropy"}], "rows": "labelled"}]
    large = {k: v for k, v in FIELDS.items() if k not in ("method", "options", "train")} | {"stages": stages}
    draft, browser = Draft.objects.create(team=team_a, created_by=alice), client_of(alice)
    browser.post(f"/studio/{draft.id}/recipe/", {"recipe": recipe_text.dump(large)})
    page = browser.get(f"/studio/{draft.id}/")
    assert page.context["check"].ok and "20 steps" in page.content.decode()
    browser.post(f"/studio/{draft.id}/save/", {"student.adapter.rank": "12"})
    draft.refresh_from_db()
    assert draft.fields["stages"] == stages and draft.fields["student"]["adapter"]["rank"] == 12


@pytest.mark.parametrize(
    ("text", "says"),
    [("method: nope", "nope"), ("method: sft\nstudent: {model: a}\ndata: {file: x.csv}", "command line")],
)
def test_it_shows_what_a_taken_over_recipe_lacks(client_of: Any, alice: Any, team_a: Any, text: str, says: str) -> None:
    draft, browser = Draft.objects.create(team=team_a, created_by=alice), client_of(alice)
    page = browser.post(f"/studio/{draft.id}/recipe/", {"recipe": text}, follow=True)
    assert page.status_code == 200 and says in page.content.decode() and not page.context["check"].ok
