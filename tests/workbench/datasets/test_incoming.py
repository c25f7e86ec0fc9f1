"""The ways data come in: Alice brings rows, Bob on her team sees them, Charlie does not."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from workbench.datasets import sources
from workbench.datasets.incoming_forms import pasted_name
from workbench.datasets.models import Dataset, DatasetVersion, Upload
from workbench.runs import blobs
from workbench.runs.models import Artifact, Kind, Run

from .uploads import imported

CSV = b"text,label\nI lost my card,lost card\nWhen does my card arrive?,card arrival\nCan I pay abroad?,\n"
UPLOAD = "/datasets/upload/"


def page(response: Any) -> str:
    return response.content.decode()


def version_of(team: Any, title: str = "Cards", **more: Any) -> DatasetVersion:
    dataset = Dataset.objects.create(team=team, key=title.lower(), title=title, licence="MIT")
    rows = blobs.put(b"rows of " + title.encode())
    values = {"sha256": rows.sha256, "rows_blob": rows, "counts": {"rows": 3}, "mapping": {"format": "csv"}, **more}
    return DatasetVersion.objects.create(dataset=dataset, number=1, **values)


@pytest.mark.parametrize("way", ["file", "paste", "address", "hub", "here"])
def test_every_way_is_a_page_of_its_own(client: Client, way: str) -> None:
    html = page(client.get(UPLOAD, {"from": way}))
    assert f'from={way}" aria-current="page"' in html and html.count("btn-primary") <= 1 + (way == "here")
    assert "What happens next" in html and "bringing-data-in" in html


@pytest.mark.parametrize("way", ["nonsense", "", "<script>"])
def test_an_unknown_way_is_a_file(client: Client, way: str) -> None:
    assert "Drop a file here" in page(client.get(UPLOAD, {"from": way}))


# -- files and pasted rows ----------------------------------------------------------------------------------------------


def test_several_files_say_what_became_of_each(client: Client) -> None:
    files = [
        SimpleUploadedFile("good.csv", CSV),
        SimpleUploadedFile("noise.csv", bytes(range(256)) * 9),
        SimpleUploadedFile("fine.csv", CSV + b"One more?,x\n"),
    ]
    html = page(client.post(UPLOAD, {"file": files}, follow=True))
    assert "2 files wait for you" in html and "noise.csv: This is binary" in html
    assert {u.filename for u in Upload.objects.all()} == {"good.csv", "fine.csv"}


def test_several_refused_files_keep_nothing(client: Client) -> None:
    response = client.post(
        UPLOAD, {"file": [SimpleUploadedFile("a.csv", b"\0\1\2" * 99), SimpleUploadedFile("b.csv", b"")]}
    )
    assert response.status_code == 422 and "a.csv" in page(response) and "b.csv" in page(response)
    assert not Upload.objects.exists()


def test_it_says_that_no_file_or_too_many_came(client: Client) -> None:
    assert "No file was chosen" in page(client.post(UPLOAD, {}))
    many = client.post(UPLOAD, {"file": [SimpleUploadedFile(f"{n}.csv", CSV) for n in range(21)]})
    assert many.status_code == 422 and "21 files came" in page(many) and not Upload.objects.exists()


@pytest.mark.parametrize(("text", "name"), [
    ('{"a": 1}\n', "pasted.jsonl"), ("  [1]", "pasted.jsonl"), ("a\tb\n1\t2\n", "pasted.tsv"), ("a,b\n1,2", "pasted.csv"), ("a;b\n1;2", "pasted.csv"), ("One sentence, and more.", "pasted.txt"),
    ("\ufeff{}", "pasted.jsonl"), ("plain\nlines\n", "pasted.txt"),
])  # fmt: skip
def test_pasted_text_gets_the_ending_it_looks_like(text: str, name: str) -> None:
    assert pasted_name(text) == name


def test_it_takes_cells_copied_from_a_spreadsheet(client: Client) -> None:
    response = client.post(
        UPLOAD + "?from=paste", {"text": "text\tlabel\r\nI lost my card\tlost card\r\nWhen?\tarrival\r\n"}
    )
    upload = Upload.objects.get()
    assert response.url == reverse("datasets:confirm", args=[upload.pk]) and upload.origin == {"kind": "paste"}
    assert upload.findings["roles"] == {"user": "text", "assistant": "label"} and upload.findings["counts"]["rows"] == 2
    assert "Pasted." in page(client.get(response.url))


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 2_000_001])
def test_it_says_what_is_wrong_with_a_paste(client: Client, text: str) -> None:
    response = client.post(UPLOAD + "?from=paste", {"text": text})
    assert response.status_code == 422 and "field-error" in page(response) and not Upload.objects.exists()


def test_a_refused_paste_stays_in_the_box(client: Client) -> None:
    response = client.post(UPLOAD + "?from=paste", {"text": '{"a": NaN}<b>'})
    assert (
        response.status_code == 422
        and "{&quot;a&quot;: NaN}&lt;b&gt;" in page(response)
        and "Nothing was kept" in page(response)
    )


def test_a_double_click_is_one_upload(client: Client) -> None:
    key = str(uuid.uuid4())
    for _ in range(2):
        client.post(UPLOAD + "?from=paste", {"text": "text,label\na,b\nc,d\n", "idem_key": key})
        client.post(UPLOAD, {"file": SimpleUploadedFile("x.csv", CSV), "idem_key": key})
    assert Upload.objects.count() == 2
    client.post(UPLOAD + "?from=paste", {"text": "text,label\nother,rows\nc,d\n", "idem_key": key})
    assert Upload.objects.count() == 3, "other text of the same page is another upload"


def test_it_becomes_a_version_only_of_ones_own_dataset(client: Client, team_a: Any, team_b: Any) -> None:
    mine, theirs, shared = (Dataset.objects.create(team=t, key="x", title="x") for t in (team_a, team_b, None))
    for dataset, status in ((mine, 302), (theirs, 404), (shared, 404)):
        response = client.post(f"{UPLOAD}?dataset={dataset.pk}", {"file": SimpleUploadedFile("x.csv", CSV)})
        assert response.status_code == status
    assert Upload.objects.get().dataset == mine


# -- addresses and the hub ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("url", "said"), [
    ("http://127.0.0.1:5432/", "not allowed: 127.0.0.1 is this machine itself"), ("http://169.254.169.254/latest", "this machine&#x27;s own network"), ("http://0x7f000001/", "this machine itself"),
    ("http://[::ffff:10.0.0.1]/", "a private network"), ("file:///etc/passwd", "only http: and https:"), ("http://u:p@h/", "name or password"), ("http://a.com\\@127.0.0.1/", "a backslash"),
    ("http://a.com:22/", "port 22"), ("nonsense", "not a plain URL"), ("", "required"),
])  # fmt: skip
def test_h60_to_h67_an_address_is_refused_at_the_form(client: Client, url: str, said: str) -> None:
    response = client.post(UPLOAD + "?from=address", {"url": url})
    assert response.status_code == 422 and said in page(response) and not Run.objects.exists()
    api = client.post("/api/v1/datasets/fetch", {"url": url}, content_type="application/json")
    assert api.status_code == 422 and not Run.objects.exists()


def test_it_starts_a_download_once(client: Client) -> None:
    key = str(uuid.uuid4())
    answers = [
        client.post(UPLOAD + "?from=address", {"url": "https://example.org/rows.csv?key=1", "idem_key": key})
        for _ in range(2)
    ]
    run = Run.objects.get(kind=Kind.FETCH_DATASET)
    assert {a.url for a in answers} == {reverse("datasets:fetching", args=[run.pk])}
    assert run.title == "Fetch https://example.org/rows.csv?…"
    html = page(client.get(answers[0].url))
    assert "Waiting for a worker" in html and "key=1" not in html
    assert run.title.replace("…", "") in page(client.get(reverse("datasets:list"))).replace("…", "")


def test_a_download_may_be_stopped_and_asked_for_again(client: Client) -> None:
    client.post(UPLOAD + "?from=hub", {"dataset": "alice/cards", "split": "train", "revision": "v1"})
    run = Run.objects.get()
    client.post(reverse("datasets:stop_fetching", args=[run.pk]))
    html = page(client.get(reverse("datasets:fetching", args=[run.pk])))
    assert "Back to the form" in html
    again = page(client.get(f"{UPLOAD}?from=hub&again={run.pk}"))
    assert 'value="alice/cards"' in again and 'value="v1"' in again


@pytest.mark.parametrize(("values", "said"), [
    ({"dataset": "../etc"}, "organisation/name"), ({"dataset": "a/b", "revision": "x y"}, "branch, a tag or a commit"), ({"dataset": "a/b", "token": "no good\n"}, "8 to 200 characters"),
    ({"dataset": "a/b", "config": "x\x07y"}, "control characters"), ({}, "required"),
])  # fmt: skip
def test_it_says_what_is_wrong_with_a_hub_dataset(client: Client, values: dict[str, str], said: str) -> None:
    response = client.post(UPLOAD + "?from=hub", values)
    assert response.status_code == 422 and said in page(response) and not Run.objects.exists()


def test_the_hub_token_is_kept_sealed_and_out_of_the_spec(client: Client, team_a: Any) -> None:
    client.post(UPLOAD + "?from=hub", {"dataset": "alice/cards", "token": "hf_secret_token"})
    run = Run.objects.get()
    assert "hf_secret" not in json.dumps(run.spec)
    from workbench.library.actions import hub_token

    assert hub_token(team_a) == "hf_secret_token"
    assert "hf_secret" not in page(client.get(UPLOAD, {"from": "hub"}))


def test_strangers_and_viewers_start_and_see_nothing(
    client: Client, alice: Any, charlie: Any, client_of: Callable[[Any], Client]
) -> None:
    client.post(UPLOAD + "?from=address", {"url": "https://private.example/rows.csv"})
    run = Run.objects.get()
    stranger = client_of(charlie)
    assert stranger.get(reverse("datasets:fetching", args=[run.pk])).status_code == 404
    for name in ("stop_fetching", "fetch_again"):
        assert stranger.post(reverse(f"datasets:{name}", args=[run.pk])).status_code == 404
    assert "private.example" not in page(stranger.get(f"{UPLOAD}?from=address&again={run.pk}"))
    assert "private.example" in page(client.get(f"{UPLOAD}?from=address&again={run.pk}"))
    alice.memberships.update(role="viewer")
    for way in ("paste", "address", "hub"):
        assert client.post(f"{UPLOAD}?from={way}", {"url": "https://example.org/x"}).status_code == 403
    assert client.post(reverse("datasets:start_here")).status_code == 403


# -- versions and runs --------------------------------------------------------------------------------------------------


def test_another_version_begins_a_dataset_of_ones_own(client: Client, team_a: Any, db: None) -> None:
    sample = version_of(None, "Sample", facts={"sha256": "x"}, profile={"sampled": 3})
    key = str(uuid.uuid4())
    for _ in range(2):
        response = client.post(
            reverse("datasets:start_here"), {"version": sample.pk, "what": "rows", "title": "Mine", "idem_key": key}
        )
    made = DatasetVersion.objects.get(dataset__team=team_a)
    assert response.url == reverse("datasets:version", args=[made.dataset_id, 1])
    assert (made.parent, made.sha256, made.dataset.title, made.dataset.licence) == (
        sample,
        sample.sha256,
        "Mine",
        "MIT",
    )
    assert made.origin == {"kind": "version", "version": str(sample.pk), "dataset": "sample", "number": 1}
    assert (made.facts, made.profile, made.counts) == (sample.facts, sample.profile, sample.counts)


def test_another_version_becomes_the_next_one(client: Client, team_a: Any, db: None) -> None:
    mine, other = version_of(team_a, "Mine"), version_of(team_a, "Other")
    for _ in range(2):
        client.post(
            f"{reverse('datasets:start_here')}?dataset={mine.dataset_id}", {"version": other.pk, "what": "rows"}
        )
    assert [(v.number, v.sha256) for v in mine.dataset.versions.all()] == [(2, other.sha256), (1, mine.sha256)]


def test_a_versions_file_is_read_again(client: Client, team_a: Any, db: None) -> None:
    version = version_of(team_a, source_blob=blobs.put(CSV))
    response = client.post(reverse("datasets:start_here"), {"version": version.pk, "what": "file"})
    upload = Upload.objects.get()
    assert response.url == reverse("datasets:confirm", args=[upload.pk]) and upload.filename == "cards.csv"
    assert upload.origin["version"] == str(version.pk) and "Version 1 of cards" in page(client.get(response.url))
    bare = version_of(team_a, "Bare")
    assert "was not made from a file" in page(
        client.post(reverse("datasets:start_here"), {"version": bare.pk, "what": "file"})
    )


def test_strangers_versions_and_runs_are_not_there(client: Client, team_b: Any, charlie: Any) -> None:
    theirs = version_of(team_b, "Theirs")
    assert client.post(reverse("datasets:start_here"), {"version": theirs.pk, "what": "rows"}).status_code == 404
    run = run_with_outputs(team_b, charlie, theirs)
    assert client.post(reverse("datasets:from_run"), {"run": run.pk, "who": "teacher"}).status_code == 404
    assert "Theirs" not in page(client.get(UPLOAD, {"from": "here"})) and "No run has kept answers" in page(
        client.get(UPLOAD, {"from": "here"})
    )


def test_a_form_key_of_another_team_opens_nothing(client: Client, team_b: Any, db: None) -> None:
    theirs, sample = version_of(team_b, "Theirs"), version_of(None, "Sample")
    client.post(
        reverse("datasets:start_here"), {"version": sample.pk, "what": "rows", "idem_key": str(theirs.dataset_id)}
    )
    assert theirs.dataset.versions.count() == 1


def run_with_outputs(team: Any, user: Any, version: DatasetVersion) -> Run:
    run = Run.objects.create(team=team, created_by=user, kind=Kind.DISTILL, title="LLM-Neo", queue="gpu", spec={}, spec_sha256="0" * 64, dataset_version=version,
        report={"outputs": {"teacher": {"rows": 2, "cut": 1}}})  # fmt: skip
    lines = [
        {
            "row_id": f"r{i}",
            "messages": [
                {"role": "user", "content": f"Question {i}?"},
                {"role": "assistant", "content": f"Answer {i}"},
            ],
        }
        for i in range(2)
    ]
    blob = blobs.put("".join(json.dumps(line) + "\n" for line in lines).encode())
    Artifact.objects.create(run=run, name="outputs/teacher.jsonl", blob=blob, attempt=1, fence=1)
    return run


def test_what_a_run_wrote_becomes_rows_with_lineage(client: Client, alice: Any, team_a: Any) -> None:
    version = version_of(team_a)
    run = run_with_outputs(team_a, alice, version)
    html = page(client.get(UPLOAD, {"from": "here"}))
    assert "What the teacher answered for training" in html and "2 rows, 1 cut off and left out" in html
    key = str(uuid.uuid4())
    for _ in range(2):
        response = client.post(reverse("datasets:from_run"), {"run": run.pk, "who": "teacher", "idem_key": key})
    upload = Upload.objects.get()
    assert upload.findings["roles"]["messages"] == "messages" and upload.findings["counts"]["labelled"] == 2
    assert upload.origin | {"kind": "run", "run": str(run.pk), "version": str(version.pk), "cut": 1} == upload.origin
    assert f"What the teacher answered for training, run {run.number}." in page(client.get(response.url))
    refused = client.post(reverse("datasets:from_run"), {"run": run.pk, "who": "student"})
    assert refused.status_code == 422 and "kept nothing that the student said" in page(refused)


def test_the_imported_version_remembers_where_it_came_from(
    client: Client, alice: Any, team_a: Any, tmp_path: Any
) -> None:
    parent = version_of(team_a)
    run = run_with_outputs(team_a, alice, parent)
    upload = sources.from_run(team_a, alice, run, "teacher")
    client.post(reverse("datasets:confirm", args=[upload.pk]), {"do": "import"})
    made = imported(upload, tmp_path / "run")
    assert made.origin["run"] == str(run.pk) and made.parent == parent and made.counts["rows"] == 2
    assert f"run {run.number}." in page(client.get(reverse("datasets:version", args=[made.dataset_id, 1])))
