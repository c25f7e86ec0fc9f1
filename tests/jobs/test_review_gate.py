"""A run that waits for a person: paused with its rows laid out, and on with the version that came of the desk. On real workers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.distill import recipe as recipes
from tests.jobs.test_real_run import RECIPE, distil  # noqa: F401 - a fixture
from workbench.datasets.models import DatasetVersion
from workbench.review import actions as desks
from workbench.review import finishing, gates
from workbench.runs import actions, blobs
from workbench.runs.models import Run, RunEvent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]

STAGES = [
    {"kind": "review", "name": "Look here", "note": "Are the sums right?"},
    {"kind": "train", "name": "fine-tune", "steps": 2, "batch_size": 4, "learning_rate": 0.01, "rows": "all", "terms": [{"type": "cross-entropy"}]},
]  # fmt: skip


def lines(run: Run, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in blobs.read(run.artifacts.get(name=name).blob_id).splitlines()]


@pytest.mark.slow
def test_it_pauses_lays_the_rows_out_and_goes_on_with_what_a_person_left(
    distil,  # noqa: F811 - the fixture
    team_a,
    alice,
    worker,
    reaches,
) -> None:
    version = DatasetVersion.objects.get(pk=distil().dataset_version_id)
    Run.objects.all().delete()
    kept = {k: v for k, v in RECIPE.items() if k not in ("method", "train", "options")}
    spec = recipes.parse({**kept, "stages": STAGES, "control": False}).model_dump(mode="json")
    run = actions.start_run("distill", team_a, alice, "Gated", spec, dataset_version=version)
    worker("gpu", OMP_NUM_THREADS="1")
    worker("cpu", OMP_NUM_THREADS="1")
    reaches(run, "paused", "failed", "quarantined", seconds=300)
    assert run.state == "paused" and run.error["code"] == "REVIEW_NEEDED", run.error
    laid = lines(run, "outputs/look-here.jsonl")
    waits = gates.waiting(run)
    assert waits and (waits.rows, waits.step, waits.note) == (len(laid), "lay", "Are the sums right?")

    making = gates.lay_out(run, alice)
    assert gates.lay_out(run, alice).pk == making.pk
    reaches(making, "succeeded", "failed", seconds=240)
    assert making.state == "succeeded", making.error
    desk = gates.open_desk(run, alice)
    assert gates.open_desk(run, alice).pk == desk.pk and desk.note.startswith("Are the sums right?")
    items = list(desk.items.order_by("rank"))
    desks.decide(items[0], alice, "reject", seen=None, reason="wrong")
    desks.decide(items[1], alice, "edit", seen=None, new={"answer": "forty two"})
    reaches(finishing.make_version(desk, alice), "succeeded", "failed", seconds=240)
    waits = gates.waiting(run)
    assert waits and waits.step == "go" and [v.number for v in waits.versions] == [2, 1]

    gates.go_on(run, alice)
    reaches(run, "succeeded", "failed", "quarantined", seconds=300)
    assert run.state == "succeeded", run.error
    facts = run.report["made_rows"]["Look here"]
    assert (facts["shown"], facts["edited"], facts["rejected"]) == (len(laid), 1, 1)
    after = lines(run, "outputs/look-here.jsonl")
    assert len(after) == len(laid) - 1
    assert [r["messages"][-1]["content"] for r in after].count("forty two") == 1
    untouched = {r["id"]: r["messages"] for r in laid}
    assert sum(untouched[r["id"]] != r["messages"] for r in after) == 1
    assert lines(run, "outputs/look-here-rejected.jsonl")[0]["code"] == "review"
    assert RunEvent.objects.filter(run=run, type="review").count() == 1
