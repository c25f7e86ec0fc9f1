"""`workbench datasets upload|paste|fetch|hub|copy|outputs` against a real server."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.utils import timezone

from tests.workbench import make_runs
from workbench import cli, sending
from workbench.client import Api
from workbench.datasets import parts
from workbench.datasets.models import Dataset, DatasetVersion, PartialUpload, Upload
from workbench.runs import blobs
from workbench.runs.models import Artifact, Kind, Run, Slot
from workbench.runs.state import acting
from workbench.team.models import ApiToken

CSV = "text,label\n" + "".join(f"question number {i} about cards,label{i % 3}\n" for i in range(90))


@pytest.fixture
def followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, live_server: Any, alice: Any, team_a: Any) -> list[Any]:
    """Signed in, in an empty folder; the runs that would be watched (no worker runs here)."""
    seen: list[Any] = []
    for name in ("WORKBENCH_TOKEN", "WORKBENCH_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "follow", lambda api, run: seen.append(run) or 0)
    text = ApiToken.new_text()
    ApiToken.objects.create(team=team_a, user=alice, name="cli", sha256=ApiToken.digest(text))
    assert cli.main(["login", live_server.url, "--token", text]) == 0
    return seen


def imports() -> list[str]:
    return [r.spec["title"] for r in Run.objects.filter(kind=Kind.IMPORT_DATASET).order_by("created_at")]


def test_it_sends_several_files_each_on_its_own(followed: list[Any], capsys: Any) -> None:
    Path("a.csv").write_text(CSV)
    Path("b.csv").write_bytes(b"\0\1\2\3" * 99)
    Path("c.csv").write_text(CSV.replace("cards", "loans"))
    assert cli.main(["datasets", "upload", "a.csv", "b.csv", "c.csv", "--yes"]) == cli.REFUSED
    assert imports() == ["a", "c"] and "binary" in capsys.readouterr().err
    assert [u.filename for u in Upload.objects.order_by("created_at")] == ["a.csv", "c.csv"]


def test_it_goes_on_where_it_stopped(followed: list[Any], capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 1000)
    Path("a.csv").write_text(CSV)
    put = httpx.Client.request
    sent: list[str] = []

    def cut(self: httpx.Client, method: str, url: str, **more: Any) -> httpx.Response:
        sent.append(f"{method} {(more.get('params') or {}).get('offset')}")
        if method == "PUT" and sent.count("PUT 2000") == 1:
            raise KeyboardInterrupt
        return put(self, method, url, **more)

    monkeypatch.setattr(httpx.Client, "request", cut)
    assert cli.main(["datasets", "upload", "a.csv", "--yes"]) == 130
    assert PartialUpload.objects.get().received == 2000
    assert cli.main(["datasets", "upload", "a.csv", "--yes"]) == 0
    assert "2,000 of" in capsys.readouterr().out and sent.count("PUT 0") == 1 and imports() == ["a"]
    assert Upload.objects.get().blob.size == len(CSV)


def test_a_lost_connection_is_waited_for(followed: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines break before and after the server has taken a part; the file arrives whole, each byte once."""
    monkeypatch.setattr(parts, "PART_BYTES", 1000)
    Path("a.csv").write_text(CSV)
    waited: list[float] = []
    calls = 0

    class Flaky(httpx.BaseTransport):
        inner = httpx.HTTPTransport()

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal calls
            calls += request.method == "PUT"
            if request.method == "PUT" and calls == 2:
                raise httpx.ConnectError("no route")
            answer = self.inner.handle_request(request)
            if (request.method == "PUT" and calls == 4) or (request.url.path.endswith("finish") and len(waited) == 2):
                raise httpx.ReadError("cut")
            return answer

    stored = Api.from_config()
    api = Api(stored.url, stored.http.headers["Authorization"].removeprefix("Bearer "), Flaky())
    found = sending.send(api, Path("a.csv"), lambda *_: None, waited.append)
    assert found["findings"]["counts"]["rows"] == 90 and waited == [1.0, 1.0, 1.0]
    assert Upload.objects.count() == 1 and Upload.objects.get().blob.size == len(CSV)


def test_it_takes_pasted_rows(followed: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(CSV))
    assert cli.main(["datasets", "paste", "-", "--title", "By hand", "--yes"]) == 0
    assert imports() == ["By hand"] and Upload.objects.get().origin == {"kind": "paste"}
    monkeypatch.setattr("sys.stdin", io.StringIO(" "))
    assert cli.main(["datasets", "paste", "-"]) == cli.REFUSED


def test_it_fetches_and_imports(followed: list[Any], alice: Any, team_a: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def arrive(api: Any, run: Any) -> int:
        """What the worker would do meanwhile."""
        row = Run.objects.get(pk=run["id"])
        if row.kind == Kind.FETCH_DATASET:
            Path("r.csv").write_text(CSV)
            from workbench.datasets import actions

            upload = actions.take_upload(team_a, alice, Path("r.csv").resolve(), "r.csv")
            Upload.objects.filter(pk=upload.pk).update(fetched_by=row)
            slot = Slot.objects.create(host="box", name="cpu-9", queue="cpu")
            until = timezone.now() + timedelta(hours=1)
            with acting("worker"):
                one = Run.objects.filter(pk=row.pk)
                one.update(state="claimed", slot=slot, owner="test", lease_until=until, fence=1, attempt=1)
                one.update(state="running")
                one.update(state="succeeded", slot=None, owner=None, lease_until=None, finished_at=timezone.now())
        followed.append(run)
        return 0

    monkeypatch.setattr(cli, "follow", arrive)
    args = [
        "datasets",
        "hub",
        "alice/cards",
        "--config",
        "en",
        "--split",
        "train",
        "--revision",
        "v1",
        "--title",
        "From the hub",
        "--yes",
    ]
    assert cli.main(args) == 0
    spec = Run.objects.get(kind=Kind.FETCH_DATASET).spec
    assert spec | {"dataset": "alice/cards", "config": "en", "split": "train", "revision": "v1"} == spec
    assert imports() == ["From the hub"]


@pytest.mark.parametrize(("args", "said"), [
    (["fetch", "http://127.0.0.1/"], "not allowed"), (["fetch", "ftp://a/b"], "only http: and https:"), (["hub", "../x"], "organisation/name"), (["copy", "none"], "nothing with this id"),
    (["copy", "x@y"], "not the number of a version"), (["outputs", "9999", "teacher"], "no run 9999"), (["upload"], "Say which"), (["upload", "none.csv"], "none.csv"),
    (["fetch", "https://example.org/x", "--into", "none"], "no dataset none"),
])  # fmt: skip
def test_it_refuses_in_words(followed: list[Any], capsys: Any, args: list[str], said: str) -> None:
    assert cli.main(["datasets", *args]) == cli.REFUSED
    assert said in capsys.readouterr().err and not Run.objects.exists()


def test_it_copies_a_version_and_takes_what_a_run_wrote(
    followed: list[Any], team_a: Any, alice: Any, capsys: Any
) -> None:
    dataset = Dataset.objects.create(team=None, key="sample/cards", title="Cards")
    rows = blobs.put(b"rows")
    version = DatasetVersion.objects.create(dataset=dataset, number=1, sha256=rows.sha256, rows_blob=rows)
    assert cli.main(["datasets", "copy", "sample/cards@1", "--title", "My cards"]) == 0
    assert DatasetVersion.objects.get(dataset__team=team_a).parent == version and "my-cards" in capsys.readouterr().out
    run = make_runs.succeeded(team_a, alice)
    lines = "".join(json.dumps({"prompt": f"Why {n}?", "answer": f"Because {n}."}) + "\n" for n in range(3))
    Artifact.objects.create(run=run, name="outputs/teacher.jsonl", blob=blobs.put(lines.encode()), attempt=1, fence=1)
    assert cli.main(["datasets", "outputs"]) == 0 and "teacher" in capsys.readouterr().out
    assert cli.main(["datasets", "outputs", str(run.number), "teacher", "--yes", "--title", "Said"]) == 0
    assert imports() == ["Said"]
