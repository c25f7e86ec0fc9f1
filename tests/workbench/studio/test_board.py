"""Stages on the board: buttons that need no script, lanes, the plain form, and what a method becomes when it is changed."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.distill.catalog import SYSTEMS
from jobs.samples.catalog import RECIPE
from tests.workbench.samples import sample_library
from workbench.studio import editing, lanes
from workbench.studio.models import Draft

TRAIN = {"kind": "train", "epochs": 1, "terms": [{"type": "cross-entropy", "weight": 3}, {"type": "forward-kl"}]}
BRANCHES: list[dict[str, Any]] = [
    {"kind": "generate"},
    {**TRAIN, "name": "warm"},
    {**TRAIN, "name": "maths", "start": "warm"},
    {**TRAIN, "name": "chat", "start": "warm", "teaching": {"members": [{"kind": "adapter", "name": "maths"}]}},
    {"kind": "merge", "parents": ["maths", "chat"]},
    {**TRAIN, "name": "last"},
]


def names(fields: dict[str, Any]) -> list[str]:
    return [lanes.name_of(s) for s in fields["stages"]]


def test_it_draws_branches_and_merges_as_lanes() -> None:
    found = lanes.lanes(BRANCHES)
    assert [c.lane for c in found.cards] == [0, 1, 1, 2, 1, 1]
    assert found.titles == ("Rows", "Student", "Student, from warm")
    said = ["", "a new adapter", "goes on with warm", "branches off warm, taught by maths", "merges maths, chat"]
    assert [c.parents for c in found.cards[:5]] == said
    assert [kind for kind, _ in found.links] == ["rows", "line", "line", "teaches", "line", "line", "line"]
    fresh = lanes.lanes([TRAIN, {**TRAIN, "name": "b", "start": "fresh"}, {**TRAIN, "learner": "teacher"}])
    assert fresh.titles == ("Student", "Student, new adapter", "Teacher")
    assert [round(t.share, 2) for t in found.cards[1].mix] == [0.75, 0.25]


def test_it_draws_one_line_as_one_lane() -> None:
    found = lanes.lanes([{"kind": "generate"}, {"kind": "record"}, TRAIN, {**TRAIN, "name": "more"}])
    assert {c.lane for c in found.cards} == {0} and len(found.links) == 3


@pytest.mark.parametrize("name", [n for n, s in SYSTEMS.items() if s.status == "works"])
def test_it_draws_every_method(name: str) -> None:
    found = lanes.lanes(editing.spell_out({"method": name})["stages"])
    assert found.cards and all(c.parents or c.kind in lanes.DATA for c in found.cards)
    assert not [c.parents for c in found.cards if "no earlier stage" in c.parents]


@pytest.mark.parametrize(
    "stages", [None, 7, [3, "x"], [{}], [{"kind": "train", "start": 5, "terms": [1]}], [{"kind": []}]]
)
def test_it_draws_whatever_a_draft_holds(stages: Any) -> None:
    assert len(lanes.lanes(stages).cards) == (len(stages) if isinstance(stages, list) else 0)


def test_it_moves_copies_inserts_and_removes_with_words() -> None:
    fields = {"stages": BRANCHES}
    moved = editing.edit(fields, "move:stages.1:0", {})
    assert (
        names(moved.fields)[:2] == ["warm", "teacher answers"]
        and moved.words == "Stage warm moved from place 2 to 1 of 6."
    )
    assert moved.order == (1, 0, 2, 3, 4, 5)
    copied = editing.edit(fields, "copy:stages.1", {})
    assert names(copied.fields)[:3] == ["teacher answers", "warm", "warm 2"] and copied.order[2] is None
    added = editing.edit(fields, "insert:stages.0:select", {})
    assert added.fields["stages"][0]["kind"] == "select" and added.at == "stages.0"
    assert names(editing.edit(fields, "remove:stages.5", {}).fields)[-1] == "merge"
    assert fields == {"stages": BRANCHES}


def test_stages_that_name_another_follow_its_new_name() -> None:
    out = editing.edit({"stages": BRANCHES}, "rename:stages.2:sums", {}).fields["stages"]
    assert out[4]["parents"] == ["sums", "chat"] and out[3]["teaching"]["members"][0]["name"] == "sums"
    assert editing.edit({"stages": BRANCHES}, "rename:stages.1:hot", {}).fields["stages"][2]["start"] == "hot"


@pytest.mark.parametrize(
    "what", ["", "x", "move:stages.1:x", "move:stages.99:0", "copy:stages", "remove:", "insert:stages.77:train", "add:name:Term", "rename:stages.0:", "put:a.b"]
)  # fmt: skip
def test_it_changes_nothing_for_buttons_that_do_not_exist(what: str) -> None:
    fields = {"name": "a", "stages": BRANCHES}
    assert editing.edit(fields, what, {}).fields == fields


@pytest.fixture
def draft(team_a: Any, alice: Any) -> Draft:
    sample_library()
    return Draft.objects.create(team=team_a, created_by=alice, fields=RECIPE)


def test_a_press_on_a_methods_stage_makes_the_stages_ones_own(draft: Draft, client_of: Any, alice: Any) -> None:
    browser = client_of(alice)
    answer = browser.post(f"/studio/{draft.id}/edit/", {"do": "up:stages.1"}, headers={"HX-Request": "true"})
    draft.refresh_from_db()
    assert [s["kind"] for s in draft.fields["stages"]] == ["train", "generate"] and "method" not in draft.fields
    text = answer.content.decode()
    assert "studio:focus" in answer["HX-Trigger-After-Settle"] and 'name="stages.0.terms.0.type"' in text
    assert "Stage distil moved from place 2 to 1 of 2." in text and f'value="{draft.head}"' in text


def test_a_renamed_stage_is_followed_when_the_form_is_saved(draft: Draft, client_of: Any, alice: Any) -> None:
    draft.fields = {k: v for k, v in RECIPE.items() if k not in ("method", "options", "train")} | {"stages": BRANCHES}
    draft.save()
    client_of(alice).post(
        f"/studio/{draft.id}/save/",
        {
            "stages:shown": "1",
            "stages.1.kind": "train",
            "stages.1.name": "hot",
            "stages.2.kind": "train",
            "stages.2.start": "warm",
        },
    )
    draft.refresh_from_db()
    assert draft.fields["stages"][2]["start"] == "hot"


def test_every_button_of_the_board_is_a_form_button(draft: Draft, client_of: Any, alice: Any) -> None:
    page = client_of(alice).get(f"/studio/{draft.id}/").content.decode()
    for do in (
        "down:stages.0",
        "up:stages.1",
        "copy:stages.1",
        "remove:stages.0",
        "insert:stages.0:train",
        "insert:stages.2:merge",
    ):
        assert f'name="do" value="{do}"' in page
    assert page.index('form="board" tabindex="-1">Check') < page.index('name="do"'), (
        "Enter must not press a button of the board"
    )


def test_the_plain_form_saves_the_same_draft(draft: Draft, client_of: Any, alice: Any) -> None:
    from .test_nodes import Controls

    browser, form = client_of(alice), Controls()
    page = browser.get(f"/studio/{draft.id}/form/").content.decode()
    form.feed(page)
    assert '<details class="more" id="all-' not in page and page.count('class="btn btn-primary"') == 1
    back = browser.post(f"/studio/{draft.id}/save/", form.sent)
    draft.refresh_from_db()
    assert draft.fields == RECIPE and back.url.startswith(f"/studio/{draft.id}/form/")
    browser.post(f"/studio/{draft.id}/save/", form.sent | {"student.adapter.rank": "7"})
    draft.refresh_from_db()
    assert draft.fields["student"]["adapter"]["rank"] == 7


def test_a_model_that_is_not_in_the_library_is_not_forgotten(draft: Draft, client_of: Any, alice: Any) -> None:
    from .test_nodes import Controls

    fields = {**RECIPE, "teacher": {"model": "somebody/else"}, "data": {"dataset": "not/here", "version": 3}}
    draft.fields = fields
    draft.save()
    for page in ("", "form/"):
        form = Controls()
        form.feed(client_of(alice).get(f"/studio/{draft.id}/{page}").content.decode())
        client_of(alice).post(f"/studio/{draft.id}/save/", form.sent)
        draft.refresh_from_db()
        assert draft.fields == fields
