"""The desk over the API and from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from workbench import cli, client
from workbench.datasets.models import DatasetVersion
from workbench.review import queries
from workbench.review.models import Review
from workbench.runs.models import Kind, Run
from workbench.team.models import ApiToken


def post(client: Client, url: str, body: Any) -> Any:
    return client.post(f"/api/v1{url}", json.dumps(body), content_type="application/json")


def test_a_desk_is_set_up_listed_and_decided(client: Client, version: DatasetVersion) -> None:
    made = post(client, "/reviews", {"dataset": "questions", "order": "file", "limit": 3})
    assert made.status_code == 201 and made.json()["counts"]["rows"] == 3 and made.json()["left"] == 3
    desk = f"/reviews/{made.json()['id']}"
    rows = client.get(f"/api/v1{desk}/rows").json()
    assert rows["count"] == 3 and rows["items"][0]["why"] == "row 1 of the file" and rows["items"][0]["seen"] == 0
    edited = post(client, f"{desk}/rows/1", {"verdict": "accept", "seen": 0, "answer": "better", "paint": [[0, 3, 0]]})
    assert (
        edited.json()["verdict"] == "edit"
        and edited.json()["paint"] == [[0, 3, 0.0]]
        and edited.json()["state"] == "done"
    )
    stale = post(client, f"{desk}/rows/1", {"verdict": "reject", "seen": 0, "reason": "x"})
    assert stale.status_code == 409 and stale.json()["code"] == "REVIEW_STALE"
    wrong = post(client, f"{desk}/rows/2", {"verdict": "accept", "paint": [[0, 99, 0]]})
    assert wrong.status_code == 422 and wrong.json()["field"] == "paint"
    assert post(client, f"{desk}/rows/1", {"verdict": "undo"}).json()["verdict"] is None
    assert [d["verdict"] for d in client.get(f"/api/v1{desk}/decisions").json()] == ["edit", "undo"]
    assert client.get(f"/api/v1{desk}/agreement").json()["kappa"]["value"] is None


def test_a_version_is_made_once(client: Client, desk: Review) -> None:
    post(client, f"/reviews/{desk.pk}/rows/1", {"verdict": "reject", "reason": "off topic"})
    first = post(client, f"/reviews/{desk.pk}/finish", {})
    again = post(client, f"/reviews/{desk.pk}/finish", {"unreviewed": "keep"})
    assert first.status_code == again.status_code == 202 and first.json()["id"] == again.json()["id"]
    assert Run.objects.get(kind=Kind.TRANSFORM_DATASET).spec["steps"][0]["decisions"][0]["reason"] == "off topic"


@pytest.fixture
def signed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, live_server: Any, alice: Any, team_a: Any) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("WORKBENCH_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    text = ApiToken.new_text()
    ApiToken.objects.create(team=team_a, user=alice, name="cli", sha256=ApiToken.digest(text))
    assert cli.main(["login", live_server.url, "--token", text]) == 0 and client.config_file().exists()
    return tmp_path


@pytest.mark.django_db(transaction=True)
def test_decisions_go_out_as_lines_and_come_in_at_another_desk(
    signed_in: Path, version: DatasetVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["review", "questions", "--open", "file"]) == 0 and "12 rows" in capsys.readouterr().out
    lines = [
        {"place": 1, "verdict": "accept"}, {"place": 2, "verdict": "edit", "answer": "other"}, {"place": 3, "verdict": "reject"},
    ]  # fmt: skip
    (signed_in / "in.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert cli.main(["review", "questions", "--import", "in.jsonl"]) == cli.REFUSED
    assert "2 of 3 decisions taken" in (said := capsys.readouterr().out) and "Line 3: Say why" in said
    assert cli.main(["review", "questions", "--export", "out.jsonl"]) == 0
    assert cli.main(["review", "questions", "--open", "random", "--limit", "12"]) == 0
    assert cli.main(["review", "questions", "--import", "out.jsonl"]) == 0
    newest = Review.objects.order_by("-created_at").first()
    assert newest is not None and queries.counts(newest)["edit"] == 1
    capsys.readouterr()
    assert cli.main(["review", "questions", "--status"]) == 0 and "2 of 12 decided" in capsys.readouterr().out
    assert cli.main(["review"]) == 0 and capsys.readouterr().out.count("questions@1") == 2
    assert cli.main(["review", "nothing", "--status"]) == cli.REFUSED
