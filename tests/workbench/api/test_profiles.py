"""Profiles over the API and from the terminal: numbers, cuts, comparisons, evaluation sets, tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.workbench.make_profiles import finished, rows, tokenizer, version
from workbench.datasets import profiling
from workbench.datasets.models import DatasetVersion
from workbench.runs.models import Run


@pytest.fixture
def measured(alice: Any, team_a: Any, tmp_path: Path) -> DatasetVersion:
    tokenizer(team_a)
    found = version(team_a, rows(), tmp_path)
    finished(profiling.measure(found, team_a, alice), tmp_path / "run")
    found.refresh_from_db()
    return found


@pytest.fixture
def client(alice: Any, client_of: Any) -> Client:
    return client_of(alice)


def address(found: DatasetVersion) -> str:
    return f"/api/v1/datasets/{found.dataset_id}/versions/{found.number}"


def post(client: Client, path: str, body: dict[str, Any]) -> Any:
    return client.post(path, json.dumps(body), content_type="application/json")


def test_it_gives_the_profile_and_starts_a_missing_one(
    client: Client, team_a: Any, measured: DatasetVersion, tmp_path: Path
) -> None:
    found = client.get(f"{address(measured)}/profile").json()
    assert found["looked_closely"] and found["profile"]["closely"]["exact"]["rows"] == 1
    fresh = version(team_a, rows()[:4], tmp_path, "Fresh")
    assert client.get(f"{address(fresh)}/profile").json()["measured"] is False
    started = post(client, f"{address(fresh)}/profile", {})
    assert started.status_code == 202 and started.json()["kind"] == "profile_dataset"
    assert client.get(f"{address(fresh)}/profile").json()["run"]["id"] == started.json()["id"]


def test_it_says_what_a_cut_costs(client: Client, measured: DatasetVersion) -> None:
    found = client.get(f"{address(measured)}/cut", {"tokens": 12}).json()
    assert [c["title"] for c in found] == ["Tiny"] and 0 < found[0]["over"] <= 24 and found[0]["cut"] == 12
    assert client.get(f"{address(measured)}/cut", {"tokens": 1}).status_code == 422


def test_it_checks_for_contamination_and_keeps_the_answer(
    client: Client, team_a: Any, measured: DatasetVersion, tmp_path: Path
) -> None:
    version(team_a, rows()[:2], tmp_path, "Exam")
    path = f"{address(measured)}/contamination"
    body = {"against": [{"dataset": "exam"}]}
    first, second = post(client, path, body), post(client, path, body)
    assert first.status_code == 202 and first.json()["id"] == second.json()["id"]
    finished(Run.objects.get(pk=first.json()["id"]), tmp_path / "check")
    found = client.get(path).json()[0]["sets"][0]
    assert found["exact"] == {"rows": 4, "others": 2} and found["either"]["share"] == 1


def test_it_names_an_evaluation_set_that_is_not_there(client: Client, measured: DatasetVersion) -> None:
    answer = post(client, f"{address(measured)}/contamination", {"against": [{"dataset": "nothing", "version": 3}]})
    assert answer.status_code == 422 and "There is no dataset nothing" in answer.json()["message"]


def test_it_compares_versions(
    client: Client, alice: Any, team_a: Any, measured: DatasetVersion, tmp_path: Path
) -> None:
    newer = version(team_a, rows()[:20], tmp_path)
    finished(profiling.measure(newer, team_a, alice), tmp_path / "run2")
    found = client.get(f"{address(newer)}/compare").json()
    lines = {x["name"]: x for section in found["sections"] for x in section["lines"]}
    assert found["before"]["number"] == 1 and lines["Rows"]["change"] == -4 and lines["Exact copies"]["change"] == -1
    assert client.get(f"{address(newer)}/compare", {"with_dataset": "none"}).status_code == 422


def test_it_reads_a_row_token_by_token(client: Client, measured: DatasetVersion) -> None:
    found = client.get(f"{address(measured)}/tokens", {"row": 3, "teacher": "tiny-teacher"}).json()
    reading = found["models"][0]["rows"][0]
    assert found["row"]["number"] == 3 and len(reading["tokens"]) == len(reading["details"])
    assert "no model who" in client.get(f"{address(measured)}/tokens", {"teacher": "who"}).json()["message"]
    assert "24" in client.get(f"{address(measured)}/tokens", {"row": 99}).json()["message"]


def test_it_is_not_there_for_strangers(client_of: Any, charlie: Any, measured: DatasetVersion) -> None:
    stranger = client_of(charlie)
    for name in ("profile", "cut?tokens=12", "compare", "contamination", "tokens"):
        assert stranger.get(f"{address(measured)}/{name}").status_code == 404
