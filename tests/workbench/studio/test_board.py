"""Stages on the board: buttons that need no script, lanes, the plain form, and what a method becomes when it is changed."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.distill.catalog import SYSTEMS
from jobs.distill.plan.result import Problem
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


ROUNDS: list[dict[str, Any]] = [
    {**TRAIN, "name": "warm"},
    {"kind": "loop", "rounds": 2, "stages": [
        {"kind": "write", "name": "ask", "writer": "answers", "rows": "wrong", "by": "teacher"},
        {"kind": "verify", "checks": [{"type": "exact"}]},
        {**TRAIN, "name": "learn"},
    ]},
    {**TRAIN, "name": "last"},
]  # fmt: skip


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


def test_it_draws_the_stages_of_a_loop_inside_it() -> None:
    found = lanes.lanes(ROUNDS, [Problem(code="X", field="stages.1.stages.0.limit", message="too few")])
    (loop,) = found.loops
    assert loop.inner is not None and [c.name for c in loop.inner.cards] == ["ask", "verify", "learn"]
    assert [c.number for c in loop.inner.cards] == ["2.1", "2.2", "2.3"] and loop.inner.end == "stages.1.stages.3"
    assert loop.inner.cards[2].parents == "goes on from round to round"
    assert [c.parents for c in found.cards] == ["a new adapter", *["goes on with the adapter as it is"] * 2]
    assert [len(c.problems) for c in (*found.cards, *loop.inner.cards)] == [0, 1, 0, 1, 0, 0]
    assert [kind for kind, _ in found.links] == ["line", "line"]


def test_the_stages_of_a_loop_are_edited_like_any() -> None:
    fields = {"stages": ROUNDS}

    def inner(what: str) -> list[str]:
        return [lanes.name_of(s) for s in editing.edit(fields, what, {}).fields["stages"][1]["stages"]]

    assert inner("down:stages.1.stages.0") == ["verify", "ask", "learn"]
    assert inner("insert:stages.1.stages.3:train") == ["ask", "verify", "learn", "train"]
    assert inner("copy:stages.1.stages.0") == ["ask", "ask 2", "verify", "learn"]
    assert inner("remove:stages.1.stages.1") == ["ask", "learn"]
    assert inner("insert:stages.1.stages.0:loop") == ["ask", "verify", "learn"], "rounds hold no rounds"
    gone = editing.edit(fields, "remove:stages.1.stages.1", {})
    assert gone.words == "Stage 2.2, verify (verify), was removed." and gone.where == "stages.1.stages"
    copied = editing.edit(fields, "copy:stages.1", {}).fields["stages"][2]
    assert copied["name"] == "rounds 2" and [s["name"] for s in copied["stages"]] == ["ask 2", "verify 2", "learn 2"]


def test_a_loop_without_stages_takes_the_first_again() -> None:
    fields: dict[str, Any] = {"stages": [{"kind": "loop", "stages": [{**TRAIN, "name": "learn"}]}]}
    empty = editing.edit(fields, "remove:stages.0.stages.0", {}).fields
    assert empty["stages"] == [{"kind": "loop"}] and lanes.lanes(empty["stages"]).cards[0].inner == lanes.Lanes(
        at="stages.0.stages"
    )
    again = editing.edit(empty, "insert:stages.0.stages.0:write", {}).fields["stages"][0]["stages"]
    assert [s["kind"] for s in again] == ["write"]


def test_names_are_followed_into_loops_and_by_writers_and_rewards() -> None:
    stages = [
        {"kind": "reward"},
        *ROUNDS,
        {"kind": "write", "writer": "answers", "by": "learn", "name": "w"},
        {"kind": "verify", "name": "v", "checks": [{"type": "reward-model"}]},
        {"kind": "prefer", "rule": "by-score", "options": {"score": "reward-model"}},
        {**TRAIN, "name": "on-policy", "source": {"kind": "student", "reward": "model"}},
    ]
    out = editing.edit({"stages": stages}, "rename:stages.2.stages.2:study", {}).fields["stages"]
    assert out[2]["stages"][2]["name"] == "study" and out[4]["by"] == "study"
    out = editing.edit({"stages": stages}, "rename:stages.0:taste", {}).fields["stages"]
    assert out[5]["checks"][0]["options"] == {"model": "taste"} and out[6]["options"]["reward"] == "taste"
    assert out[7]["source"]["reward_model"] == "taste"


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


def test_the_stages_of_a_loop_have_cards_buttons_and_fields(draft: Draft, client_of: Any, alice: Any) -> None:
    from .test_nodes import Controls

    draft.fields = {k: v for k, v in RECIPE.items() if k not in ("method", "options", "train")} | {"stages": ROUNDS}
    draft.save()
    browser, form = client_of(alice), Controls()
    page = browser.get(f"/studio/{draft.id}/").content.decode()
    form.feed(page)
    assert len(form.ids) == len(set(form.ids))
    assert 'data-list="stages.1.stages"' in page and 'href="#inside-f-stages-1">3 stages inside</a>' in page
    for do in ("insert:stages.1.stages.0:write", "remove:stages.1.stages.2", "down:stages.1.stages.0"):
        assert f'name="do" value="{do}"' in page
    assert 'value="insert:stages.1.stages.0:loop"' not in page and 'value="insert:stages.1:loop"' in page
    browser.post(
        f"/studio/{draft.id}/edit/", form.sent | {"stages.1.stages.0.limit": "40", "do": "up:stages.1.stages.2"}
    )
    draft.refresh_from_db()
    inner = draft.fields["stages"][1]["stages"]
    assert [s["kind"] for s in inner] == ["write", "train", "verify"] and inner[0]["limit"] == 40


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
