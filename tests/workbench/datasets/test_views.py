"""The dataset pages: Alice has rows, Bob on her team sees them, Charlie does not."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.test import Client
from django.urls import reverse

from jobs.distill.data.browse import restore
from workbench.datasets.models import Dataset
from workbench.runs.models import Kind, Run

from .uploads import CSV, HOSTILE, imported, page, send, sent


def test_it_teaches_while_there_are_no_datasets(client: Client) -> None:
    html = page(client.get(reverse("datasets:list")))
    assert "No rows yet" in html and reverse("datasets:upload") in html


def test_it_is_not_there_for_strangers(
    client: Client, charlie: Any, client_of: Callable[[Any], Client], tmp_path: Path
) -> None:
    upload = sent(client)
    client.post(reverse("datasets:confirm", args=[upload.pk]), {"do": "import"})
    version = imported(upload, tmp_path / "run")
    stranger = client_of(charlie)
    for name, args in (
        ("confirm", [upload.pk]),
        ("upload_tokens", [upload.pk]),
        ("importing", [upload.pk]),
        ("detail", [version.dataset_id]),
        ("version", [version.dataset_id, 1]),
        ("rows", [version.dataset_id, 1]),
        ("tokens", [version.dataset_id, 1]),
        ("export", [version.dataset_id, 1]),
        ("refused", [version.dataset_id, 1]),
        ("changed", [version.dataset_id, 1]),
        ("upload_listing", [upload.pk, "refused"]),
    ):
        assert stranger.get(reverse(f"datasets:{name}", args=args)).status_code == 404, name
    for name, args in (
        ("check", [upload.pk]),
        ("discard", [upload.pk]),
        ("describe", [version.dataset_id]),
        ("delete", [version.dataset_id]),
    ):
        assert stranger.post(reverse(f"datasets:{name}", args=args)).status_code == 404, name
    assert str(version.dataset_id) not in page(stranger.get(reverse("datasets:list")))


def test_it_is_there_for_the_team(client: Client, bob: Any, client_of: Callable[[Any], Client], tmp_path: Path) -> None:
    upload = sent(client)
    client.post(reverse("datasets:confirm", args=[upload.pk]), {"do": "import"})
    version = imported(upload, tmp_path / "run")
    colleague = client_of(bob)
    assert "questions" in page(colleague.get(reverse("datasets:list")))
    html = page(colleague.get(reverse("datasets:rows", args=[version.dataset_id, 1])))
    assert "I lost my card" in html and "unlabelled" in html and "3 of 3 rows" in html


def test_viewers_may_look_but_not_upload(
    client: Client, team_a: Any, client_of: Callable[[Any], Client], alice: Any
) -> None:
    alice.memberships.update(role="viewer")
    assert send(client, CSV).status_code == 403
    assert client.get(reverse("datasets:list")).status_code == 200


def test_it_finds_rows_by_text_and_label(client: Client, tmp_path: Path) -> None:
    upload = sent(client)
    client.post(reverse("datasets:confirm", args=[upload.pk]), {"do": "import"})
    version = imported(upload, tmp_path / "run")
    url = reverse("datasets:rows", args=[version.dataset_id, 1])
    assert "1 of 3 rows" in page(client.get(url, {"label": "lost card"}))
    assert "1 of 3 rows" in page(client.get(url, {"q": "ABROAD"}))
    assert "No row matches" in page(client.get(url, {"q": "nothing like it"}))


def test_h33_it_exports_without_formulas(client: Client, tmp_path: Path) -> None:
    upload = sent(client, (HOSTILE / "25_formula_injection.csv").read_bytes(), "formulas.csv")
    client.post(reverse("datasets:confirm", args=[upload.pk]), {"do": "import"})
    version = imported(upload, tmp_path / "run")
    response = client.get(reverse("datasets:export", args=[version.dataset_id, 1]))
    rows = list(csv.DictReader(io.StringIO(b"".join(response).decode(), newline="")))
    assert len(rows) == 5
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for row in rows for cell in (row["user"], row["answer"]))
    assert restore(rows[0]["user"]) == '=HYPERLINK("http://x.invalid","click")'


def test_it_lists_refused_rows_with_the_version(client: Client, tmp_path: Path) -> None:
    upload = sent(client, (HOSTILE / "12_ragged.csv").read_bytes())
    client.post(reverse("datasets:confirm", args=[upload.pk]), {"do": "import", "accept": "bad_rows"})
    version = imported(upload, tmp_path / "run")
    html = page(client.get(reverse("datasets:version", args=[version.dataset_id, 1])))
    assert "4 fields, expected 2" in html
    listed = b"".join(client.get(reverse("datasets:refused", args=[version.dataset_id, 1]))).decode()
    assert "1 field, expected 2" in listed


def test_it_keeps_samples_as_they_are(client: Client, db: None) -> None:
    sample = Dataset.objects.create(team=None, key="sample/x", title="Shared")
    assert "Shared" in page(client.get(reverse("datasets:list")))
    assert client.post(reverse("datasets:delete", args=[sample.pk])).status_code == 404


def test_it_names_licence_and_attribution(client: Client, tmp_path: Path) -> None:
    upload = sent(client)
    client.post(
        reverse("datasets:confirm", args=[upload.pk]),
        {"do": "import", "title": "Bank", "licence": "CC-BY-4.0", "attribution": "PolyAI"},
    )
    version = imported(upload, tmp_path / "run")
    assert (version.dataset.title, version.dataset.licence, version.dataset.attribution) == (
        "Bank",
        "CC-BY-4.0",
        "PolyAI",
    )
    client.post(
        reverse("datasets:describe", args=[version.dataset_id]), {"title": "Bank 77", "licence": "", "attribution": ""}
    )
    version.dataset.refresh_from_db()
    assert version.dataset.title == "Bank 77"


def test_it_deletes_only_what_no_run_used(client: Client, team_a: Any, tmp_path: Path) -> None:
    upload = sent(client)
    client.post(reverse("datasets:confirm", args=[upload.pk]), {"do": "import"})
    version = imported(upload, tmp_path / "run")
    run = Run.objects.create(
        team=team_a, kind=Kind.DISTILL, title="x", queue="gpu", spec={}, spec_sha256="0" * 64, dataset_version=version
    )
    html = page(client.post(reverse("datasets:delete", args=[version.dataset_id]), follow=True))
    assert "1 run used this dataset" in html and Dataset.objects.exists()
    run.delete()
    client.post(reverse("datasets:delete", args=[version.dataset_id]))
    assert not Dataset.objects.exists()
