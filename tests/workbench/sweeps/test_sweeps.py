"""Sweeps and races over real rows of the run table: page, API, command line, and what the reaper's thread does."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from jobs.samples.catalog import RECIPE
from tests.workbench import make_runs
from tests.workbench.samples import sample_library
from workbench import cli
from workbench.runs.models import Run, Slot, State
from workbench.runs.state import acting
from workbench.studio.models import Draft
from workbench.sweeps import actions, queries
from workbench.sweeps.models import Sweep
from workbench.sweeps.settings import Axis, Race
from workbench.team.models import ApiToken

RANKS = Axis("student.adapter.rank", (4, 8, 16, 32))


@pytest.fixture
def library(db: None) -> dict[str, Any]:
    return sample_library()


@pytest.fixture
def draft(library: Any, team_a: Any, alice: Any) -> Draft:
    return Draft.objects.create(team=team_a, created_by=alice, fields=dict(RECIPE), title="Sample")


def start(team: Any, user: Any, race: Race | None = None, axis: Axis = RANKS, **more: Any) -> Sweep:
    return actions.start(team, user, "Ranks", RECIPE, [axis], "grid", race, **more)


def end(run: Run, gap: float | None) -> None:
    """The run's way to its end through the legal states, with a report or a failure."""
    report = {**make_runs.REPORT, "gap_closed": {"value": gap, "low": (gap or 0) - 0.02, "high": (gap or 0) + 0.02}}
    slot, _ = Slot.objects.get_or_create(host="box", name="cpu-0", defaults={"queue": "gpu"})
    held = {"slot": slot, "owner": "box:1", "lease_until": timezone.now() + timedelta(minutes=5)}
    free: dict[str, Any] = {"slot": None, "owner": None, "lease_until": None, "finished_at": timezone.now()}
    last = (
        {"state": State.FAILED, "error": {"message": "It broke."}}
        if gap is None
        else {"state": State.SUCCEEDED, "report": report}
    )
    with acting("worker"):
        Run.objects.filter(pk=run.pk).update(state=State.CLAIMED, fence=run.fence + 1, attempt=1, **held)
        Run.objects.filter(pk=run.pk).update(state=State.RUNNING)
        Run.objects.filter(pk=run.pk).update(**last, **free)


def test_it_queues_every_setting_with_its_change(library: Any, team_a: Any, alice: Any) -> None:
    sweep = start(team_a, alice)
    ranks = [m.run.spec["student"]["adapter"]["rank"] for m in sweep.members.select_related("run")]
    assert ranks == [4, 8, 16, 32] and "Rank 16" in sweep.members.get(index=2).run.title.title()


def test_it_is_one_sweep_for_two_clicks(library: Any, team_a: Any, alice: Any) -> None:
    key = uuid.uuid4()
    assert start(team_a, alice, idem_key=key) == start(team_a, alice, idem_key=key) and Run.objects.count() == 4


def test_it_starts_nothing_when_one_setting_is_refused(library: Any, team_a: Any, alice: Any) -> None:
    with pytest.raises(actions.SweepRefused, match="1 of 2 settings are refused") as e:
        start(team_a, alice, axis=Axis("student.adapter.rank", (8, 9000)))
    assert not Run.objects.exists() and e.value.as_dict()["settings"][0]["changes"] == {"student.adapter.rank": 9000}


def test_a_race_goes_on_with_the_best_half_and_ends(library: Any, team_a: Any, alice: Any) -> None:
    sweep = start(team_a, alice, Race(keep=2, rounds=3))
    steps = RECIPE["train"].get("steps") or RECIPE["train"]["epochs"]
    field = "steps" if "steps" in RECIPE["train"] else "epochs"
    assert sweep.members.first().run.spec["train"][field] == pytest.approx(steps / 4, abs=1)
    assert not actions.advance(sweep.pk), "runs are under way"
    for member, gap in zip(sweep.members.all(), (0.5, 0.7, None, 0.6), strict=True):
        end(member.run, gap)
    assert actions.advance_all() == 1 and not actions.advance(sweep.pk)
    second = list(sweep.members.filter(round=1))
    assert [m.changes["student.adapter.rank"] for m in second] == [8, 32]
    for member, gap in zip(second, (0.71, 0.74), strict=True):
        end(member.run, gap)
    assert actions.advance(sweep.pk)
    (last,) = sweep.members.filter(round=2)
    assert last.changes["student.adapter.rank"] == 32 and last.run.spec["train"][field] == steps
    end(last.run, 0.8)
    actions.advance(sweep.pk)
    sweep.refresh_from_db()
    members = list(sweep.members.select_related("run"))
    assert sweep.ended_at and [line.place for line in queries.lines(sweep, members)] == [1, 2, 3, None]
    assert queries.state(sweep, members)[0] == State.SUCCEEDED


def test_a_race_without_any_result_ends_and_says_so(library: Any, team_a: Any, alice: Any) -> None:
    sweep = start(team_a, alice, Race())
    for member in sweep.members.all():
        end(member.run, None)
    actions.advance_all()
    sweep.refresh_from_db()
    assert sweep.ended_at and "nothing could go on" in sweep.note


def test_a_race_says_why_its_next_round_cannot_start(library: Any, team_a: Any, alice: Any) -> None:
    sweep = start(team_a, alice, Race())
    for member in sweep.members.all():
        end(member.run, 0.5)
    library["teacher"].delete()
    actions.advance_all()
    sweep.refresh_from_db()
    assert "Round 2 could not start" in sweep.note and sweep.members.filter(round=1).count() == 0


def test_the_page_shows_count_and_cost_before_the_start(client: Any, draft: Draft, alice: Any) -> None:
    client.force_login(alice)
    url = f"/sweeps/new/{draft.id}/"
    assert "Field 2" in client.get(url).content.decode()
    body = {
        "path-0": "student.adapter.rank",
        "values-0": "4, 8",
        "path-1": "seed",
        "values-1": "1, 2",
        "race": "on",
        "rounds": "2",
    }
    text = client.post(url, body, headers={"HX-Request": "true"}).content.decode()
    assert '<strong class="num">6</strong> runs of' in text and "Start 4 runs" in text and not Run.objects.exists()
    assert "at most 64" in client.post(url, {**body, "values-0": ",".join(map(str, range(1, 40)))}).content.decode()


def test_the_page_starts_once_and_shows_lines_and_table(client: Any, draft: Draft, alice: Any) -> None:
    client.force_login(alice)
    body = {"path-0": "student.adapter.rank", "values-0": "4, 8", "key": "one", "title": "<b>Ranks</b>"}
    first = client.post(f"/sweeps/new/{draft.id}/start/", body)
    assert first.url == client.post(f"/sweeps/new/{draft.id}/start/", body).url and Run.objects.count() == 2
    for run, gap in zip(Run.objects.order_by("number"), (0.6, 0.7), strict=True):
        end(run, gap)
    text = client.get(first.url).content.decode()
    assert text.count("<polyline") == 2 and "0.70" in text and "&lt;b&gt;Ranks" in text and "Compare the best 2" in text
    assert "Ranks" in client.get("/sweeps/").content.decode()


def test_a_refused_start_keeps_what_was_typed(client: Any, draft: Draft, alice: Any) -> None:
    client.force_login(alice)
    answer = client.post(f"/sweeps/new/{draft.id}/start/", {"path-0": "student.adapter.rank", "values-0": "8, 9000"})
    assert (
        answer.status_code == 422
        and "8, 9000" in answer.content.decode()
        and "was not started" in answer.content.decode()
    )


def test_stopping_cancels_what_has_not_ended(client: Any, draft: Draft, alice: Any, team_a: Any) -> None:
    client.force_login(alice)
    sweep = start(team_a, alice, Race())
    end(sweep.members.first().run, 0.5)
    client.post(f"/sweeps/{sweep.id}/stop/")
    assert Run.objects.filter(state=State.CANCELLED).count() == 3 and actions.advance_all() == 0


def test_a_margin_without_an_interval_is_shown_as_noise(library: Any, team_a: Any, alice: Any) -> None:
    """Few held-out rows give a report whose intervals are empty."""
    sweep = start(team_a, alice, axis=Axis("seed", (1,)))
    end(sweep.members.get().run, 0.5)
    run = sweep.members.get().run
    none = {"value": 0.1, "low": None, "high": None}
    run.report = {**run.report, "student_minus_control": none, "gap_closed": none}
    member = sweep.members.get()
    member.run = run
    (line,) = queries.lines(sweep, [member])
    assert line.noise and line.margin_text.startswith("10.0") and line.interval == ""


def test_another_team_sees_nothing(
    client: Any, library: Any, team_a: Any, alice: Any, charlie: Any, team_b: Any
) -> None:
    sweep = start(team_a, alice)
    client.force_login(charlie)
    assert client.get(f"/sweeps/{sweep.id}/").status_code == client.post(f"/sweeps/{sweep.id}/stop/").status_code == 404


def test_the_command_line_shows_the_cost_then_starts(
    live_server: Any, tmp_path: Any, monkeypatch: Any, library: Any, alice: Any, team_a: Any, capsys: Any
) -> None:
    text = ApiToken.new_text()
    ApiToken.objects.create(team=team_a, user=alice, name="cli", sha256=ApiToken.digest(text))
    monkeypatch.setenv("WORKBENCH_URL", live_server.url)
    monkeypatch.setenv("WORKBENCH_TOKEN", text)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(json.dumps(RECIPE))
    command = ["sweep", str(recipe), "--set", "student.adapter.rank=4,8", "--race", "2", "--rounds", "2"]
    assert cli.main(command) == 0 and "3 runs" in capsys.readouterr().out and not Run.objects.exists()
    assert cli.main([*command, "--yes"]) == 0 and Run.objects.count() == 2
    sweep = Sweep.objects.get()
    assert cli.main(["sweeps", str(sweep.id)]) == 0 and "Rank 8" in capsys.readouterr().out.title()
    assert cli.main(["sweeps", str(sweep.id), "--stop"]) == 0 and Run.objects.filter(state=State.CANCELLED).count() == 2
    assert cli.main([*command[:2], "--set", "student.adapter.rank=4,9000"]) == cli.REFUSED
