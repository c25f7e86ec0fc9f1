"""From the upload form to a measured version, with a real worker in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from workbench.datasets.models import DatasetVersion, Upload
from workbench.runs.models import Kind, Run

ROWS = b"text,label\n" + b"".join(
    b"When does my card %d arrive?,%s\n" % (i, [b"card arrival", b"", b"lost card", b""][i % 4]) for i in range(52)
)


@pytest.mark.django_db(transaction=True)
def test_it_becomes_a_measured_version_by_itself(
    alice: Any, client_of: Callable[..., Any], worker: Callable[..., Any], until: Callable[..., Any]
) -> None:
    client = client_of(alice)
    client.post(reverse("datasets:upload"), {"file": SimpleUploadedFile("cards.csv", ROWS)})
    upload = Upload.objects.get()
    client.post(reverse("datasets:confirm", args=[upload.pk]), {"do": "import", "licence": "CC0-1.0"})
    assert "Waiting for a worker" in client.get(reverse("datasets:importing", args=[upload.pk])).content.decode()
    worker("cpu")
    version = until(
        lambda: DatasetVersion.objects.filter(profile__isnull=False).first(),
        90,
        tell=lambda: list(Run.objects.values("kind", "state", "error")),
    )
    assert (version.counts["rows"], version.facts["labelled"], version.dataset.licence) == (52, 26, "CC0-1.0")
    response = client.get(reverse("datasets:importing", args=[upload.pk]))
    assert response.url == reverse("datasets:version", args=[version.dataset_id, 1])
    page = client.get(response.url).content.decode()
    assert "Lengths" in page and "card arrival" in page


@pytest.mark.django_db(transaction=True)
def test_a_second_upload_becomes_the_next_version(
    alice: Any, client_of: Callable[..., Any], worker: Callable[..., Any], until: Callable[..., Any]
) -> None:
    client = client_of(alice)
    worker("cpu")
    url = reverse("datasets:upload")
    for n, rows in enumerate((ROWS, ROWS + b"One more?,card arrival\n"), start=1):
        client.post(url, {"file": SimpleUploadedFile("cards.csv", rows)})
        upload = Upload.objects.latest("created_at")
        assert client.post(reverse("datasets:confirm", args=[upload.pk]), {"do": "import"}).status_code == 302
        version = until(
            lambda n=n: DatasetVersion.objects.filter(number=n).first(),
            90,
            tell=lambda: list(Run.objects.filter(kind=Kind.IMPORT_DATASET).values("state", "error")),
        )
        url = reverse("datasets:upload") + f"?dataset={version.dataset_id}"
    assert DatasetVersion.objects.filter(dataset=version.dataset).count() == 2
    page = client.get(reverse("datasets:version", args=[version.dataset_id, 1])).content.decode()
    assert "Version 2" in page and "53 rows" in page
