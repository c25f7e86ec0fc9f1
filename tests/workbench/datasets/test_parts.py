"""Files in parts over the real API: lost answers, two tabs, damaged parts, limits."""

from __future__ import annotations

import hashlib
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from workbench.datasets import parts
from workbench.datasets.models import PartialUpload, Upload, UploadPart

V1 = "/api/v1/datasets/parts"
DATA = b"text,label\n" + b"".join(b"When does my card %d arrive?,label %d\n" % (i, i % 5) for i in range(3000))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Sender:
    """What a browser does: begin, send from where the server says, finish."""

    def __init__(self, client: Client, data: bytes = DATA, name: str = "cards.csv") -> None:
        self.client, self.data, self.name = client, data, name

    def begin(self, **more: Any) -> Any:
        body = {
            "filename": self.name,
            "size": len(self.data),
            "head_sha256": sha(self.data[: parts.HEAD_BYTES]),
            **more,
        }
        return self.client.post(V1, body, content_type="application/json")

    def part(self, id: str, offset: int, size: int = 50_000, *, data: bytes | None = None, claim: str = "") -> Any:
        data = self.data[offset : offset + size] if data is None else data
        url = f"{V1}/{id}?offset={offset}&sha256={claim or sha(data)}"
        return self.client.put(url, data, content_type="application/octet-stream")

    def finish(self, id: str, claim: str = "") -> Any:
        return self.client.post(
            f"{V1}/{id}/finish", {"sha256": claim or sha(self.data)}, content_type="application/json"
        )

    def all(self, id: str, offset: int = 0) -> None:
        while offset < len(self.data):
            answer = self.part(id, offset)
            assert answer.status_code == 200, answer.content
            offset = answer.json()["received"]


@pytest.fixture
def sender(alice: Any, client_of: Any) -> Sender:
    return Sender(client_of(alice))


def test_it_takes_a_file_in_parts(sender: Sender) -> None:
    begun = sender.begin().json()
    assert (begun["received"], begun["part_bytes"], begun["filename"]) == (0, parts.PART_BYTES, "cards.csv")
    sender.all(begun["id"])
    made = sender.finish(begun["id"])
    assert made.status_code == 201 and made.json()["findings"]["counts"]["rows"] == 3000
    upload = Upload.objects.get()
    assert upload.blob.sha256 == sha(DATA) and not UploadPart.objects.exists()
    assert sender.finish(begun["id"]).json()["id"] == str(upload.pk) and Upload.objects.count() == 1


def test_it_recognises_the_same_file_after_a_refresh(sender: Sender) -> None:
    begun = sender.begin().json()
    sender.part(begun["id"], 0)
    again = sender.begin().json()
    assert again["id"] == begun["id"] and again["received"] == 50_000
    sender.all(again["id"], again["received"])
    assert sender.finish(again["id"]).status_code == 201
    other = Sender(sender.client, b"x" + DATA[1:]).begin().json()
    assert other["id"] != begun["id"] and other["received"] == 0


def test_it_says_where_to_go_on(sender: Sender) -> None:
    id = sender.begin().json()["id"]
    sender.part(id, 0)
    repeated = sender.part(id, 0)  # its answer was lost
    assert repeated.status_code == 409
    assert repeated.json() | {"code": "UPLOAD_OFFSET", "wanted": 50_000} == repeated.json()
    assert sender.part(id, 70_000).json()["wanted"] == 50_000
    early = sender.finish(id)
    assert early.status_code == 409 and early.json()["wanted"] == 50_000 and "not whole yet" in early.json()["message"]


def test_it_refuses_a_damaged_part(sender: Sender) -> None:
    id = sender.begin().json()["id"]
    damaged = sender.part(id, 0, data=b"x" * 100, claim=sha(b"y" * 100))
    assert damaged.status_code == 422 and damaged.json()["code"] == "PART_DAMAGED" and damaged.json()["retry"]
    assert PartialUpload.objects.get().received == 0


def test_it_forgets_bytes_that_are_not_the_files(sender: Sender) -> None:
    """The file changed on disk between the first and the last part."""
    id = sender.begin().json()["id"]
    sender.all(id)
    refused = sender.finish(id, sha(b"another file"))
    assert refused.status_code == 422 and "changed while it was sent" in refused.json()["message"]
    whole = PartialUpload.objects.get()
    assert whole.received == 0 and not UploadPart.objects.exists() and not Upload.objects.exists()
    sender.all(id)
    assert sender.finish(id).status_code == 201


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..\\..\\evil.csv",
        "a\u202eb.csv",
        "<img src=x>.csv",
        "con.csv",
        "%2e%2e%2fx.csv",
        "\x07bell.csv",
        "n" * 900 + ".csv",
    ],
)
def test_it_takes_any_file_name(sender: Sender, name: str) -> None:
    one = Sender(sender.client, DATA, name)
    id = one.begin().json()["id"]
    one.all(id)
    assert one.finish(id).status_code == 201
    kept = Upload.objects.get().filename
    assert "/" not in kept and "\\" not in kept and "\x07" not in kept and 0 < len(kept) <= 300


def test_h17_it_stops_at_the_limit(sender: Sender, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 1000
    refused = sender.begin()
    assert refused.status_code == 413 and refused.json()["code"] == "TOO_LARGE" and refused.json()["limit"] == 1000
    assert not PartialUpload.objects.exists()


def test_h17_it_takes_no_more_than_was_announced(sender: Sender) -> None:
    id = sender.begin().json()["id"]
    sender.all(id)
    beyond = sender.part(id, len(DATA), data=b"more")
    assert beyond.status_code == 413 and f"announced with {len(DATA):,}" in beyond.json()["message"]
    huge = sender.part(id, 0, data=b"x" * (parts.LARGEST_PART + 10))
    assert huge.status_code == 413 and not UploadPart.objects.filter(offset__gte=len(DATA)).exists()


def test_it_keeps_nothing_of_what_is_no_data(sender: Sender) -> None:
    noise = Sender(sender.client, bytes(range(256)) * 20, "noise.csv")
    id = noise.begin().json()["id"]
    noise.all(id)
    refused = noise.finish(id)
    assert refused.status_code == 422 and "binary" in refused.json()["message"]
    assert not PartialUpload.objects.exists() and not UploadPart.objects.exists() and not Upload.objects.exists()
    assert Sender(sender.client, b"", "empty.csv").begin().status_code == 422


def test_it_is_the_senders_alone(sender: Sender, bob: Any, charlie: Any, client_of: Any) -> None:
    id = sender.begin().json()["id"]
    for person in (bob, charlie):
        other = Sender(client_of(person))
        assert other.client.get(f"{V1}/{id}").status_code == 404
        assert other.part(id, 0).status_code == 404 and other.finish(id).status_code == 404
        assert other.client.delete(f"{V1}/{id}").status_code == 404
        assert other.begin().json()["id"] != id
    assert [p["id"] for p in sender.client.get(V1).json()] == [id]
    assert sender.client.delete(f"{V1}/{id}").status_code == 204 and not PartialUpload.objects.filter(pk=id).exists()


def test_it_becomes_a_version_only_of_the_teams_own_dataset(sender: Sender, team_a: Any, team_b: Any) -> None:
    from workbench.datasets.models import Dataset

    mine, theirs, shared = (Dataset.objects.create(team=t, key="x", title="x") for t in (team_a, team_b, None))
    assert [sender.begin(dataset=str(d.pk)).status_code for d in (mine, theirs, shared)] == [201, 404, 404]


def test_viewers_may_not_send(sender: Sender, alice: Any) -> None:
    id = sender.begin().json()["id"]
    alice.memberships.update(role="viewer")
    assert sender.begin().status_code == 403 and sender.part(id, 0).status_code == 403
    assert sender.finish(id).status_code == 403


def test_it_keeps_a_few_unfinished_files_and_forgets_old_ones(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MOST_OPEN", 2)
    first = sender.begin().json()["id"]
    sender.part(first, 0)
    Sender(sender.client, name="b.csv").begin()
    refused = Sender(sender.client, name="c.csv").begin()
    assert refused.status_code == 429 and "2 uploads of yours are unfinished" in refused.json()["message"]
    PartialUpload.objects.filter(pk=first).update(
        touched_at=PartialUpload.objects.get(pk=first).touched_at - parts.EXPIRES - timedelta(hours=1)
    )
    assert Sender(sender.client, name="c.csv").begin().status_code == 201
    assert not PartialUpload.objects.filter(pk=first).exists() and not UploadPart.objects.exists()


def test_a_full_disk_is_a_sentence(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    id = sender.begin().json()["id"]
    sender.all(id)

    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "NamedTemporaryFile", full)
        refused = sender.finish(id)
    assert refused.status_code == 507 and "disk is full" in refused.json()["message"] and refused.json()["retry"]
    assert sender.finish(id).status_code == 201  # nothing was lost


def test_a_full_database_disk_is_the_same_sentence(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError
    from psycopg.errors import DiskFull

    def full(**values: Any) -> Any:
        raise OperationalError("could not extend file") from DiskFull()

    id = sender.begin().json()["id"]
    monkeypatch.setattr(UploadPart.objects, "create", full)
    assert sender.part(id, 0).status_code == 507 and PartialUpload.objects.get().received == 0


@pytest.mark.django_db(transaction=True)
def test_two_tabs_send_one_file_together(sender: Sender) -> None:
    """Both send every part they are told to; neither writes over the other, and the file is whole."""
    id = sender.begin().json()["id"]
    ends: list[int] = []

    def tab() -> None:
        offset = 0
        while offset < len(DATA):
            answer = sender.part(id, offset, 9_000)
            assert answer.status_code in (200, 409), answer.content
            offset = answer.json()["received" if answer.status_code == 200 else "wanted"]
        ends.append(offset)
        connection.close()

    threads = [threading.Thread(target=tab) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert ends == [len(DATA)] * 2 and sum(len(bytes(p.data)) for p in UploadPart.objects.all()) == len(DATA)
    assert sender.finish(id).status_code == 201


def test_it_needs_the_token_of_the_page(alice: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert Sender(strict).begin().status_code == 403
