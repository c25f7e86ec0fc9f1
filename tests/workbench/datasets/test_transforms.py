"""From a version over steps and their outcome to the next version, by page and by API; Charlie of another team sees none of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction
from django.test import Client
from django.urls import reverse

from jobs import folder as folders
from jobs import results
from jobs.distill.data.load import load_rows
from jobs.distill.data.transforms.make import transform_dataset
from jobs.distill.errors import DataRefused, DatasetChanged
from jobs.distill.events import Events
from tests.jobs.distill.data.transforms.making import row
from tests.jobs.distill.data.transforms.making import version as written
from workbench.datasets import transforms
from workbench.datasets.models import Dataset, DatasetVersion, StepDraft
from workbench.runs import blobs
from workbench.runs.models import Kind, Run

ROWS = [
    *(row(f"When does card number {i} arrive at my house?", ["arrival", "Arrival", None][i % 3], i, domain="bank") for i in range(1, 13)),
    row("hi", None, 13), row("write to anna@example.org", "other", 14), row("write to anna@example.org", "other", 15),
]  # fmt: skip
STEPS = [{"kind": "filter", "min_chars": 5}, {"kind": "deduplicate"}, {"kind": "redact"}]


@pytest.fixture
def client(alice: Any, client_of: Callable[[Any], Client]) -> Client:
    return client_of(alice)


@pytest.fixture
def first(team_a: Any, tmp_path: Path) -> DatasetVersion:
    return stored(Dataset.objects.create(team=team_a, key="cards", title="Cards"), ROWS, tmp_path)


def stored(dataset: Dataset, rows: list[dict[str, Any]], folder: Path) -> DatasetVersion:
    blob = blobs.put(written(folder, rows, f"{dataset.title}-{dataset.versions.count()}"))
    return DatasetVersion.objects.create(
        dataset=dataset, number=dataset.versions.count() + 1, sha256=blob.sha256, rows_blob=blob, counts={"rows": len(rows)}
    )  # fmt: skip


def work(run: Run, folder: Path) -> DatasetVersion:
    """What a worker does for the run: its real inputs, the real verb, the real commit."""
    folder.mkdir()
    folders.INPUTS[Kind(run.kind)](run, folder)
    transform_dataset(folder, Events(folder))
    outcome = results.COLLECT[Kind(run.kind)](run, folder)
    assert outcome.commit
    with transaction.atomic():
        outcome.commit(run, {name: blobs.put(path) for name, path in outcome.files.items()})
    return DatasetVersion.objects.get(created_by_run=run)


def at(name: str, version: DatasetVersion, *more: Any) -> str:
    return reverse(f"datasets:{name}", args=[version.dataset_id, version.number, *more])


def downloaded(response: Any) -> str:
    async def all_of() -> bytes:
        return b"".join([part async for part in response.streaming_content])

    return async_to_sync(all_of)().decode()


def page(response: Any) -> str:
    return response.content.decode()


def post(client: Client, version: DatasetVersion, body: Any, what: str = "transforms") -> Any:
    url = f"/api/v1/datasets/{version.dataset_id}/versions/{version.number}/{what}"
    return client.post(url, json.dumps(body), content_type="application/json")


def test_it_offers_every_transform_as_a_card(client: Client, first: DatasetVersion) -> None:
    assert at("change", first) in page(client.get(at("version", first)))
    html = page(client.get(at("change", first)))
    for title in ("Filter rows", "Redact personal data", "Join another version", "Split", "Balance"):
        assert title in html


def test_it_puts_steps_together_without_javascript_and_forgets_nothing(
    client: Client, first: DatasetVersion, alice: Any
) -> None:
    url = at("change", first)
    client.post(url, {"do": "add:filter"})
    client.post(
        url,
        {
            "steps": "1",
            "s0.kind": "filter",
            "s0.min_chars": "5",
            "s0.labels": "arrival\nother",
            "s0.ignore_case": "1",
            "do": "add:clean",
        },
    )
    kept = StepDraft.objects.get(user=alice, version=first).steps
    assert kept == [{"kind": "filter", "min_chars": 5, "labels": ["arrival", "other"]}, {"kind": "clean"}]
    html = page(client.get(url))  # a refresh, another browser
    assert (
        'value="5"' in html
        and "arrival\nother" in html
        and html.index("Filter rows</h2>") < html.index("Clean texts</h2>")
    )
    client.post(url, {"do": "up:1"})
    client.post(url, {"do": "remove:1"})
    assert [s["kind"] for s in StepDraft.objects.get().steps] == ["clean"]


def test_rows_are_edited_and_dropped_from_the_table_of_rows(client: Client, first: DatasetVersion) -> None:
    assert "add:drop" in page(client.get(at("rows", first)))
    for n, (do, row_id) in enumerate([("add:drop", "a" * 24), ("add:drop", "b" * 24), ("add:edit", "c" * 24)], 1):
        assert client.post(at("change", first), {"do": do, "row_id": row_id}).status_code == 302, n
    drop, edit = StepDraft.objects.get().steps
    assert drop["row_ids"] == ["a" * 24, "b" * 24] and edit == {"kind": "edit", "row_id": "c" * 24}


def test_it_says_what_is_wrong_at_the_field(client: Client, first: DatasetVersion) -> None:
    url = at("change", first)
    client.post(url, {"steps": "1", "s0.kind": "filter", "s0.min_chars": "many", "do": ""})
    assert "it is “many”" in page(client.get(url)) and 'value="many"' in page(client.get(url))
    refused = client.post(url, {"steps": "1", "s0.kind": "filter", "s0.pattern": "(a", "do": "make"})
    assert refused.status_code == 422 and "Step 1 (Filter rows), Regular expression" in page(refused)
    assert not Run.objects.exists()


def test_it_shows_counts_and_marked_examples_before_anything_is_made(client: Client, first: DatasetVersion) -> None:
    StepDraft.objects.create(version=first, user=client_user(client), steps=STEPS)
    html = page(client.get(at("change", first) + "?preview=1"))
    assert "1 dropped" in html and "13</strong>" in html
    assert "<del>anna@example.org</del>" in html and "<ins>[e-mail address]</ins>" in html
    htmx = client.post(at("change", first), {"steps": "0", "do": ""}, headers={"HX-Request": "true"})
    assert "Add a step" in page(htmx)
    assert not Run.objects.exists() and DatasetVersion.objects.count() == 1


def client_user(client: Client) -> Any:
    from workbench.team.models import User

    return User.objects.get(pk=client.session["_auth_user_id"])


def test_one_press_makes_the_next_version_once(client: Client, first: DatasetVersion, tmp_path: Path) -> None:
    StepDraft.objects.create(version=first, user=client_user(client), steps=STEPS)
    for _ in range(2):
        response = client.post(at("change", first), {"do": "make"})
    run = Run.objects.get(kind=Kind.TRANSFORM_DATASET)
    assert response.url == at("changing", first, run.pk)
    assert "Waiting for a worker" in page(client.get(response.url))
    second = work(run, tmp_path / "run")
    assert (second.number, second.parent, second.counts["rows"], first.counts["rows"]) == (2, first, 13, 15)
    assert [(c["in"], c["dropped"], c["changed"], c["out"]) for c in second.changes] == [
        (15, 1, 0, 14),
        (14, 1, 0, 13),
        (13, 0, 1, 13),
    ]
    assert not StepDraft.objects.exists()
    assert Run.objects.filter(kind=Kind.PROFILE_DATASET, dataset_version=second).exists()
    html = page(client.get(at("version", second)))
    assert "Keep rows: at least (characters) 5" in html and at("changes", second) in html


@pytest.fixture
def second(client: Client, first: DatasetVersion, tmp_path: Path) -> DatasetVersion:
    run = transforms.start(first.dataset.team, client_user(client), first, STEPS)
    return work(run, tmp_path / "second")


def test_every_touched_row_is_listed_with_step_and_reason(client: Client, second: DatasetVersion) -> None:
    html = page(client.get(at("changes", second)))
    assert "fewer than 5 characters" in html and "copy of row 14" in html and "1 × e-mail address" in html
    assert "copy of row 14" not in page(client.get(at("changes", second) + "?step=1"))
    lines = downloaded(client.get(at("changes_csv", second))).splitlines()
    assert len(lines) == 4 and lines[1].startswith("1,filter,dropped,13,13,")


def test_two_versions_are_compared_with_marked_texts(client: Client, second: DatasetVersion) -> None:
    html = page(client.get(at("diff", second)))
    assert "<del>anna@example.org</del>" in html and "Version 2 against version 1" in html
    found = client.get(f"/api/v1/datasets/{second.dataset_id}/versions/2/diff?against=1").json()
    assert found["counts"] == {"changed": 1, "added": 0, "removed": 2, "same": 12}
    only = client.get(f"/api/v1/datasets/{second.dataset_id}/versions/2/diff?against=1&kind=removed&q=hi").json()
    assert [r["parts"][0]["marks"] for r in only["rows"]][:1] == [[["same", "hi"]]]


def test_the_steps_are_done_again_on_a_new_upload(client: Client, second: DatasetVersion, tmp_path: Path) -> None:
    third = stored(second.dataset, [*ROWS, row("yo", None, 16), row("a new question", "other", 17)], tmp_path)
    client.post(at("replay", third), {"of": str(second.pk)})
    assert StepDraft.objects.get(version=third).steps == second.steps
    answer = post(client, third, {"replay": {"dataset": str(second.dataset_id), "version": 2}})
    assert answer.status_code == 202
    fourth = work(Run.objects.get(pk=answer.json()["id"]), tmp_path / "fourth")
    assert (fourth.number, fourth.parent, fourth.counts["rows"]) == (4, third, 14)
    tree = client.get(f"/api/v1/datasets/{second.dataset_id}/lineage").json()
    assert [(n["number"], n["parent"]) for n in tree] == [(1, None), (2, "cards@1"), (3, None), (4, "cards@3")]


def test_the_same_steps_give_the_same_hash(
    client: Client, second: DatasetVersion, team_b: Any, charlie: Any, tmp_path: Path
) -> None:
    other = stored(Dataset.objects.create(team=team_b, key="theirs", title="Theirs"), ROWS, tmp_path)
    run = transforms.start(team_b, charlie, other, STEPS)
    assert work(run, tmp_path / "theirs").sha256 == second.sha256


def test_the_api_looks_makes_and_names_step_and_field(client: Client, first: DatasetVersion) -> None:
    seen = post(client, first, {"yaml": "- kind: filter\n  min_chars: 5\n"}, "transforms/preview").json()
    assert (seen["before"], seen["after"], seen["examples"][0]["reason"]) == (15, 14, "fewer than 5 characters")
    empty = post(client, first, {"steps": [{"kind": "filter", "min_chars": 500}]}, "transforms/preview").json()
    assert "step 1, fewer than 500 characters: 15 rows" in empty["refusal"]["message"]
    wrong = post(client, first, {"steps": [{"kind": "clean"}, {"kind": "split", "heldout": 2}]})
    assert wrong.status_code == 422 and wrong.json()["field"] == "steps.2.heldout"
    gone = post(client, first, {"steps": [{"kind": "join", "dataset": "nothing", "version": 3}]})
    assert "no dataset nothing with a version 3" in gone.json()["message"]
    assert {"filter", "join"} <= {k["kind"] for k in client.get("/api/v1/transforms").json()}


def test_a_join_remembers_the_other_version_and_its_hash(client: Client, first: DatasetVersion, tmp_path: Path) -> None:
    more = stored(
        Dataset.objects.create(team=first.dataset.team, key="more", title="More"), [row("another", "x")], tmp_path
    )
    run = transforms.start(
        first.dataset.team, client_user(client), first, [{"kind": "join", "dataset": "more", "version": 1}]
    )
    made = work(run, tmp_path / "joined")
    assert made.counts["rows"] == 16 and list(made.joined.all()) == [more]
    assert made.steps[0]["sha256"] == more.sha256
    assert "More</bdi>, version 1" in page(client.get(at("version", made)))
    DatasetVersion.objects.filter(pk=more.pk).update(sha256="0" * 64)
    with pytest.raises(DatasetChanged, match="000000000000"):
        transforms.needed(first.dataset.team, first, transforms.parsed(made.steps))


def test_changed_rows_are_refused_with_both_hashes(client: Client, first: DatasetVersion, tmp_path: Path) -> None:
    run = transforms.start(first.dataset.team, client_user(client), first, STEPS)
    other = blobs.put(written(tmp_path, ROWS[:3], "others"))
    DatasetVersion.objects.filter(pk=first.pk).update(rows_blob=other)
    with pytest.raises(DatasetChanged) as refused:
        work(Run.objects.get(pk=run.pk), tmp_path / "changed")
    assert first.sha256[:12] in refused.value.message and other.sha256[:12] in refused.value.message


def test_a_recipe_that_pins_other_rows_is_refused_with_both_hashes(first: DatasetVersion, tmp_path: Path) -> None:
    run = Run(team=first.dataset.team, dataset_version=first, spec={})
    with pytest.raises(DatasetChanged) as refused:
        folders._rows(run, tmp_path, "a" * 64)
    assert "aaaaaaaaaaaa" in refused.value.message and first.sha256[:12] in refused.value.message
    folders._rows(run, tmp_path, first.sha256)
    assert len(load_rows(tmp_path / "data" / "rows.parquet")) == len(ROWS)


def test_a_shared_sample_becomes_a_dataset_of_the_team(client: Client, tmp_path: Path) -> None:
    sample = stored(Dataset.objects.create(team=None, key="sample/cards", title="Sample cards"), ROWS, tmp_path)
    assert "Name of your dataset" not in page(client.get(at("change", sample)))
    client.post(at("change", sample), {"do": "add:redact"})
    assert "Name of your dataset" in page(client.get(at("change", sample)))
    client.post(at("change", sample), {"do": "make", "title": "Our cards"})
    made = work(Run.objects.get(kind=Kind.TRANSFORM_DATASET), tmp_path / "ours")
    assert (made.dataset.title, made.number, made.dataset.team, made.parent) == (
        "Our cards",
        1,
        client_user(client).memberships.get().team,
        sample,
    )
    assert "Sample cards</bdi>, version 1" in page(client.get(at("version", made)))


def test_another_team_sees_none_of_it(client_of: Callable[[Any], Client], charlie: Any, second: DatasetVersion) -> None:
    theirs = client_of(charlie)
    for name in ("change", "changes", "changes_csv", "diff"):
        assert theirs.get(at(name, second)).status_code == 404
    assert post(theirs, second, {"steps": STEPS}).status_code == 404


def test_no_row_left_is_refused_with_the_counts_by_rule(client: Client, first: DatasetVersion, tmp_path: Path) -> None:
    steps = [{"kind": "filter", "labels": ["arrival"]}, {"kind": "filter", "contains": "euro"}]
    run = transforms.start(first.dataset.team, client_user(client), first, steps)
    with pytest.raises(DataRefused, match="step 1, another label: 11 rows; step 2, does not contain “euro”: 4 rows"):
        work(run, tmp_path / "none")


def test_rows_of_the_new_version_carry_ids_of_their_content(second: DatasetVersion, tmp_path: Path) -> None:
    blobs.write_to(second.rows_blob_id, tmp_path / "new.parquet")
    rows = load_rows(tmp_path / "new.parquet")
    assert rows[-1]["messages"][-1]["content"] == "write to [e-mail address]"
    assert rows[-1]["row_id"] == row("write to [e-mail address]", "other")["row_id"]
