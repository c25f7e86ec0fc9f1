from __future__ import annotations

from typing import Any

from jobs.samples.catalog import RECIPE
from tests.workbench import make_runs
from tests.workbench.samples import sample_library
from workbench.studio import comments, differences, editing, recipe_text
from workbench.studio.models import Draft

STAGES = editing.spell_out(RECIPE)


def words(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    return [d.words for d in differences.between(a, b)]


def test_it_says_each_difference_in_the_words_of_the_form() -> None:
    b = {
        **RECIPE,
        "student": {**RECIPE["student"], "adapter": {"rank": 8}},
        "control": False,
        "teacher": {"model": "other"},
    }
    assert words(RECIPE, b) == [
        "Teacher, model from sample/banking77-teacher to other.", "Rank from 64 to 8.", "Alpha from 128 to 32 (default).",
        "Control arm from on to off.",
    ]  # fmt: skip


def test_it_knows_a_stage_that_moved_was_renamed_or_is_new() -> None:
    stages = STAGES["stages"]
    assert words(STAGES, {**STAGES, "stages": stages[::-1]}) == ["Stage distil moved from place 2 to 1."]
    named = {**STAGES, "stages": [stages[0], {**stages[1], "name": "b"}]}
    assert words(STAGES, named) == ["Stage 2, b: Name from distil to b."]
    longer = {**STAGES, "stages": [*stages, {"kind": "record"}]}
    assert words(STAGES, longer) == ["Stage 3, record signals added."] and words(longer, STAGES) == [
        "Stage 3, record signals removed."
    ]


def test_it_compares_a_method_with_the_stages_it_stands_for() -> None:
    found, note = differences.compare(RECIPE, STAGES)
    assert found == [] and "LLM-Neo" in note
    changed = editing.edit(STAGES, "rename:stages.1:mine", {}).fields
    assert [d.words for d in differences.compare(RECIPE, changed)[0]] == ["Stage 2, mine: Name from distil to mine."]


def test_the_page_compares_with_drafts_runs_states_and_text(client_of: Any, team_a: Any, alice: Any) -> None:
    sample_library()
    run = make_runs.succeeded(team_a, alice)
    draft = Draft.objects.create(team=team_a, created_by=alice, fields=RECIPE)
    other = Draft.objects.create(team=team_a, created_by=alice, fields={**RECIPE, "seed": 5})
    browser, at = client_of(alice), f"/studio/{draft.id}/compare/"
    assert '<td class="wrap-anywhere">5</td>' in browser.get(at, {"with": f"draft:{other.id}"}).content.decode()
    assert f"Run {run.number}" in browser.get(at, {"with": f"run:{run.number}"}).content.decode()
    text = recipe_text.dump({**RECIPE, "seed": 6})
    assert '<td class="wrap-anywhere">6</td>' in browser.post(at, {"recipe": text}).content.decode()
    wrong = browser.post(at, {"recipe": "method: sft\nbanana: 1\n"})
    assert wrong.status_code == 422 and "Line 2, column 1" in wrong.content.decode()
    for gone in ("draft:x", "run:99999", "state:7", "nonsense"):
        assert browser.get(at, {"with": gone}).status_code == 404


TEXT = """# about all
version: 1
name: a # the name
stages:
# warm up
- kind: train
  epochs: 1  # once
  terms:
  - type: cross-entropy
- kind: record
# the end
"""


def test_comments_come_back_where_they_stood() -> None:
    fields, problems = recipe_text.load(TEXT)
    found = comments.find(TEXT)
    assert not problems and [(c.path, c.where) for c in found] == [
        ("version", "above"), ("name", "beside"), ("stages.0", "above"), ("stages.0.epochs", "beside"), ("", "end"),
    ]  # fmt: skip
    again = recipe_text.dump(fields, found)
    assert comments.find(again) == found and recipe_text.load(again)[0] == fields


def test_comments_move_along_and_none_is_lost() -> None:
    fields, _ = recipe_text.load(TEXT)
    done = editing.edit(fields, "move:stages.0:1", {})
    moved = comments.moved(comments.plain(comments.find(TEXT)), done.where, done.order)
    assert [c["path"] for c in moved] == ["version", "name", "stages.1", "stages.1.epochs", ""]
    text = recipe_text.dump({"method": "sft"}, comments.find(TEXT))
    assert text.startswith(
        "# about all\n# (name) the name\n# (stages.0) warm up\n# (stages.0.epochs) once\nversion: 1\n"
    )


def test_a_comment_never_becomes_part_of_a_text() -> None:
    fields = {"method": "sft", "name": "several words " * 12, "train": {"epochs": 1}}
    text = recipe_text.dump(fields, [comments.Comment("name", "beside", "# long")])
    assert recipe_text.load(text)[0] == {"version": 1, **fields} and "# long" in text
