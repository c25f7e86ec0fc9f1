"""The page of a profile, the rows behind its numbers, cuts, comparisons and checks against evaluation sets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from jobs.distill.data import browse
from tests.workbench.make_profiles import LONG, finished, rows, tokenizer, version
from workbench.datasets import children, cuts, profiles, profiling
from workbench.datasets.models import DatasetVersion, StepDraft
from workbench.runs.models import Run
from workbench.studio.models import Draft


@pytest.fixture
def measured(alice: Any, team_a: Any, tmp_path: Path) -> DatasetVersion:
    tokenizer(team_a)
    found = version(team_a, rows(), tmp_path)
    finished(profiling.measure(found, team_a, alice), tmp_path / "run")
    found.refresh_from_db()
    return found


def url(name: str, found: DatasetVersion) -> str:
    return reverse(f"datasets:{name}", args=[found.dataset_id, found.number])


def page(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def test_it_offers_to_measure_what_was_not_measured(client: Client, team_a: Any, tmp_path: Path) -> None:
    found = version(team_a, rows(), tmp_path)
    assert "Measure these rows" in page(client.get(url("profile", found)))
    for _ in range(2):
        client.post(url("measure", found))
    assert Run.objects.filter(dataset_version=found).count() == 1
    assert "are being measured" in page(client.get(url("profile", found)))


def test_it_shows_findings_that_lead_to_their_rows(client: Client, team_a: Any, measured: DatasetVersion) -> None:
    html = page(client.get(url("profile", measured)))
    assert "All 24 rows were looked at" in html and "d…@e….org" in html and "dora@example.org" not in html
    links = [link for link in re.findall(r'href="[^"]*/rows/\?([^"]+)"', html) if "kind=" in link]
    assert {"copies", "noise", "language", "private", "control"} <= {QueryDict(link)["kind"] for link in links}
    rows_at = children.local_copy(measured.rows_blob_id)
    for link in links:
        chosen, words = profiles.chosen_rows(measured, team_a, QueryDict(link.replace("&amp;", "&")))
        assert words and browse.page(rows_at, chosen)["matching"], link


def test_the_rows_behind_a_number_say_why_they_are_there(client: Client, measured: DatasetVersion) -> None:
    html = page(client.get(url("rows", measured) + "?kind=noise&value=conflicts"))
    assert "Rows whose text also stands under another answer" in html and "“lost card” 1 ×" in html
    assert "of 24 rows" in html and "2 of 24 rows" in html
    searched = page(client.get(url("rows", measured) + "?kind=copies&value=exact&q=number"))
    assert "1 of 24 rows" in searched and 'name="kind" value="copies"' in searched


def test_a_cut_says_what_it_costs_and_becomes_the_recipe_s_longest_row(
    client: Client, measured: DatasetVersion
) -> None:
    asked = {"tokenizer": "tiny", "cut": "12"}
    html = page(client.get(url("cut", measured), asked, headers={"HX-Request": "true"}))
    cost = cuts.cut_at(measured.profile["tokens"]["tiny"], 12)
    assert cost and f"data-cut-over>{cost['over']}<" in html
    shown = page(client.get(url("rows", measured) + "?tokenizer=tiny&over=12"))
    assert f"{cost['over']} of 24 rows" in shown and "tokens, " in shown
    response = client.post(url("use_cut", measured), {"cut": "12", "do": "truncate"})
    assert response.status_code == 302 and "/studio/" in response.url
    assert Draft.objects.get().fields["data"] == {"dataset": "cards", "max_length": 12, "too_long": "truncate"}


def test_a_cut_becomes_a_step_of_the_next_version(client: Client, alice: Any, measured: DatasetVersion) -> None:
    for do in ("filter_step", "truncate_step"):
        response = client.post(url("use_cut", measured), {"cut": "12", "do": do, "tokenizer": "tiny"})
        assert response.status_code == 302 and "/change/" in response.url
    filtered, truncated = StepDraft.objects.get(user=alice).steps
    assert filtered == {"kind": "filter", "action": "keep", "max_tokens": 12, "tokenizer": "tiny-teacher"}
    assert truncated["kind"] == "truncate" and truncated["at_most"] == 12
    assert "Filter" in page(client.get(url("change", measured)))
    gone = client.post(url("use_cut", measured), {"cut": "12", "do": "filter_step", "tokenizer": "none"}, follow=True)
    assert "No model of the library has this tokenizer" in page(gone)


def test_a_cut_stands_in_the_page_without_javascript(client: Client, measured: DatasetVersion) -> None:
    response = client.get(url("cut", measured), {"tokenizer": "tiny", "cut": "12"})
    assert response.status_code == 302 and response.url.endswith("cut=12#lengths")
    assert "data-cut-at>12<" in page(client.get(response.url))


def test_it_compares_two_versions_number_by_number(
    client: Client, alice: Any, team_a: Any, measured: DatasetVersion, tmp_path: Path
) -> None:
    newer = version(team_a, [r for r in rows() if "dora" not in r[0]][:20], tmp_path)
    finished(profiling.measure(newer, team_a, alice), tmp_path / "run2")
    html = page(client.get(url("compare", newer)))
    assert "Exact copies" in html and "−1 rows" in html and "e-mail address" in html
    assert "−4 rows" in html and "same" in html
    other = page(client.get(url("compare", newer) + f"?with={measured.pk}"))
    assert "version 1" in other


def test_it_finds_evaluation_rows_in_training_rows(
    client: Client, team_a: Any, measured: DatasetVersion, tmp_path: Path
) -> None:
    evaluation = version(
        team_a,
        [("when does my CARD number 3 arrive?", "lost card", "heldout"), (f"Hello, {LONG}, and thank you", None, "heldout"), ("Something else", None, "train")],
        tmp_path,
        "Exam",
    )  # fmt: skip
    # The training side leaves its own held-out rows out, and the long question is one of them.
    newer = version(team_a, [*rows(), (LONG + " again", None, "train")], tmp_path)
    for _ in range(2):
        client.post(url("check_against", newer), {"against": [str(evaluation.pk)], "part": "heldout"})
    run = Run.objects.get(dataset_version=newer)
    found = finished(run, tmp_path / "check").report["contamination"][0]
    assert (found["others"], found["exact"], found["runs"]) == (2, {"rows": 1, "others": 1}, {"rows": 1, "others": 1})
    html = page(client.get(url("profile", newer)))
    assert "2 of 2" in html and "Exam" in html
    behind = page(client.get(url("rows", newer) + f"?kind=contamination&check={run.pk}&value=0%3A+runs"))
    assert "1 of 25 rows" in behind and "row 2 there" in behind


def test_it_refuses_impossible_checks_in_words(client: Client, measured: DatasetVersion) -> None:
    said = page(client.post(url("check_against", measured), {"against": [str(measured.pk)]}, follow=True))
    assert "cannot be held against itself" in said
    assert "0 evaluation sets were chosen" in page(client.post(url("check_against", measured), follow=True))
    assert not Run.objects.filter(spec__has_key="against").exists()


def test_another_team_sees_nothing_of_it(
    measured: DatasetVersion, charlie: Any, client_of: Callable[[Any], Client]
) -> None:
    stranger = client_of(charlie)
    for name in ("profile", "compare", "cut", "rows"):
        assert stranger.get(url(name, measured)).status_code == 404
    for name in ("measure", "check_against", "use_cut"):
        assert stranger.post(url(name, measured)).status_code == 404


def test_a_shared_sample_s_profile_keeps_another_team_s_models_and_checks_to_itself(
    client: Client,
    alice: Any,
    charlie: Any,
    team_a: Any,
    tmp_path: Path,
    client_of: Callable[[Any], Client],
) -> None:
    tokenizer(team_a)
    shared = version(None, rows(), tmp_path, "Shared")
    private = version(team_a, rows()[:3], tmp_path, "Private")
    finished(profiling.measure(shared, team_a, alice), tmp_path / "run")
    run = finished(profiling.check_against(shared, team_a, alice, [(private.pk, "all")]), tmp_path / "check")
    mine, theirs = page(client.get(url("profile", shared))), page(client_of(charlie).get(url("profile", shared)))
    assert "Tiny" in mine and "Private" in mine
    assert "Tiny" not in theirs and "Private" not in theirs and "Exact copies" in theirs
    asked = url("rows", shared) + f"?kind=contamination&check={run.pk}&value=0%3A+exact"
    assert "not at hand" in page(client_of(charlie).get(asked)) and "5 of 24" in page(client.get(asked))
    assert json.dumps(shared.profile or {}).find("Private") < 0


def test_tokens_stand_side_by_side_with_words_for_every_class(client: Client, measured: DatasetVersion) -> None:
    html = page(client.get(url("tokens", measured) + "?row=1&cut=12&too_long=truncate"))
    assert "The same characters, split by both" in html or html.count("data-reading") == 1
    assert "learnt" in html and "All tokens as a list" in html and 'title="token 1; id' in html
    assert "the prompt is cut on the left" in html
