"""From an address to the columns, with a real worker, a real web server on this machine and an administrator's list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from jobs import folder, sweeping
from tests.jobs.distill import hub_server
from tests.jobs.distill.net.server import Server, serving
from tests.workbench import make_runs
from workbench.datasets.models import Upload
from workbench.library.actions import set_hub_token
from workbench.runs import actions
from workbench.runs.models import Kind, Run

ROWS = b"text,label\n" + b"".join(
    b"When does my card %d arrive?,%s\n" % (i, [b"arrival", b"lost"][i % 2]) for i in range(3000)
)


@pytest.fixture
def web() -> Iterator[Server]:
    with serving() as server:
        server.files["/cards.csv"] = ROWS
        yield server


@pytest.mark.django_db(transaction=True)
def test_an_address_and_the_hub_end_at_the_columns(
    alice: Any,
    team_a: Any,
    client_of: Callable[..., Any],
    worker: Callable[..., Any],
    until: Callable[..., Any],
    web: Server,
    settings: Any,
) -> None:
    """One worker brings both: a file whose line breaks once, and a gated dataset with the team's token."""
    client = client_of(alice)
    settings.ALLOWED_PRIVATE_HOSTS = web.allowed
    web.cuts = [40_000]
    set_hub_token(team_a, alice, "hf_of_the_team")
    with hub_server.serving() as hub:
        commit = hub.add_dataset("alice/cards", {"train.csv": ROWS, "README.md": b"---\nlicense: cc-by-4.0\n---\n"})
        hub.gated["datasets/alice/cards"] = "hf_of_the_team"
        address = client.post("/datasets/upload/?from=address", {"url": web.url + "/cards.csv"}).url
        client.post("/datasets/upload/?from=hub", {"dataset": "alice/cards"})
        worker("cpu", ALLOWED_PRIVATE_HOSTS=web.allowed, HF_ENDPOINT=hub.url)
        until(lambda: Upload.objects.count() == 2, 120, tell=lambda: list(Run.objects.values("kind", "state", "error")))
        until(lambda: not Run.objects.exclude(state="succeeded").exists(), 30)
    found = {u.origin["kind"]: u for u in Upload.objects.select_related("blob")}
    assert [r for _, r in web.asked] == ["", "bytes=40000-"]
    for upload in found.values():
        assert upload.blob.size == len(ROWS) and upload.findings["counts"]["rows"] == 3000
    assert found["hub"].origin["revision"] == commit and found["hub"].filename == "alice-cards-train.csv"
    assert client.get(address).url == reverse("datasets:confirm", args=[found["address"].pk])
    page = client.get(reverse("datasets:confirm", args=[found["hub"].pk])).content.decode()
    assert "cc-by-4.0" in page and "at commit" in page and "hf_of_the_team" not in page
    run = found["hub"].fetched_by
    assert "hf_of_the_team" not in str((run.spec, run.report, list(run.events.values_list("data", flat=True))))
    assert client.get(f"/api/v1/datasets/fetches/{run.pk}").json()["id"] == str(found["hub"].pk)


@pytest.mark.django_db(transaction=True)
def test_a_refused_address_says_why_on_its_page(
    alice: Any,
    client_of: Callable[..., Any],
    worker: Callable[..., Any],
    until: Callable[..., Any],
    web: Server,
    settings: Any,
) -> None:
    """The page was given a list that the worker does not have: the worker judges for itself."""
    client = client_of(alice)
    settings.ALLOWED_PRIVATE_HOSTS = web.allowed
    url = client.post("/datasets/upload/?from=address", {"url": web.url + "/cards.csv"}).url
    worker("cpu", ALLOWED_PRIVATE_HOSTS="")
    until(
        lambda: Run.objects.filter(state="failed").exists(), 90, tell=lambda: list(Run.objects.values("state", "error"))
    )
    page = client.get(url).content.decode()
    assert "is this machine itself" in page and "Change what to fetch" in page and web.asked == []
    assert not Upload.objects.exists()


def fetch_run(team: Any, user: Any, **spec: Any) -> Run:
    return actions.start_run(
        Kind.FETCH_DATASET, team, user, "Fetch", {"source": "url", "url": "https://example.org/x", **spec}
    )


def test_only_the_hub_gets_the_teams_token(team_a: Any, alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    set_hub_token(team_a, alice, "hf_of_the_team")
    for source, given in (("hub", {"WB_HUB_TOKEN": "hf_of_the_team"}), ("url", {})):
        run = fetch_run(team_a, alice, source=source)
        lease = type("L", (), {"kind": Kind.FETCH_DATASET, "run_id": str(run.pk)})()
        assert folder.secrets(lease) == given


def test_limits_and_hosts_are_never_the_specs(team_a: Any, alice: Any, tmp_path: Path, settings: Any) -> None:
    import json

    run = fetch_run(team_a, alice, private_hosts="0.0.0.0/0", place="/etc", caps={"bytes": 10**15})
    folder.INPUTS[Kind.FETCH_DATASET](run, tmp_path)
    params = json.loads((tmp_path / "params.json").read_text())
    assert (
        params["private_hosts"] == settings.ALLOWED_PRIVATE_HOSTS == ""
        and params["caps"]["bytes"] == settings.MAX_UPLOAD_BYTES
    )
    assert params["place"] == str(settings.DATA_DIR / "fetching" / str(run.pk))


def test_parts_of_downloads_are_swept(
    team_a: Any, alice: Any, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os
    import time

    settings.DATA_DIR = tmp_path
    spec = {"source": "url", "url": "https://example.org/x"}
    runs = {
        name: make_runs.failed(team_a, alice, kind=Kind.FETCH_DATASET, spec=spec | {"n": name})
        for name in ("failed", "old")
    }
    runs |= {name: fetch_run(team_a, alice, n=name) for name in ("waiting", "cancelled")}
    actions.cancel(runs["cancelled"])
    for run in runs.values():
        (tmp_path / "fetching" / str(run.pk)).mkdir(parents=True)
    (tmp_path / "fetching" / "of-somebody-else").mkdir()
    os.utime(tmp_path / "fetching" / str(runs["old"].pk), (time.time() - 3 * 86400,) * 2)
    assert sweeping.sweep() == 2
    left = {p.name for p in (tmp_path / "fetching").iterdir()}
    assert left == {str(runs["waiting"].pk), str(runs["failed"].pk), "of-somebody-else"}
