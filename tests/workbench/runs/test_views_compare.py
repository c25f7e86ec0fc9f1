"""Runs side by side."""

import copy
import uuid

import pytest

from tests.workbench import make_runs

URL = "/runs/compare/"


@pytest.fixture
def pair(team_a, alice):
    spec = copy.deepcopy(make_runs.RECIPE)
    spec["student"]["adapter"]["rank"] = 64
    return [
        make_runs.succeeded(team_a, alice, title="Thin"),
        make_runs.succeeded(team_a, alice, title="Wide", spec=spec, slot="cpu-1"),
    ]


def ask(client, runs, path=URL):
    return client.get(path + "?" + "&".join(f"run={getattr(r, 'id', r)}" for r in runs))


def test_it_shows_only_what_differs(client_of, bob, pair):
    page = ask(client_of(bob), pair).content.decode()
    assert "student.adapter.rank" in page and "<code>data.dataset" not in page and "<code>seed" not in page


def test_it_shows_scores_with_intervals(client_of, bob, pair):
    page = ask(client_of(bob), pair).content.decode()
    assert page.count("[72.1, 76.6]") == 2 and page.count("[0.77, 0.84]") == 2


def test_it_warns_when_the_held_out_rows_differ(client_of, bob, pair, team_a, alice):
    other = make_runs.succeeded(
        team_a, alice, spec={**make_runs.RECIPE, "evaluation": {"metric": "rouge_l"}}, slot="cpu-2"
    )
    assert "do not compare directly" in ask(client_of(bob), [pair[0], other]).content.decode()
    assert "do not compare directly" not in ask(client_of(bob), pair).content.decode()


def test_it_overlays_the_losses(client_of, bob, pair):
    for run in pair:
        make_runs.curves(run, 20)
    series = ask(client_of(bob), pair, URL + "curves.json").json()["series"]
    assert [s["role"] for s in series] == ["series-1", "series-2"] and all(len(s["values"]) == 20 for s in series)


def test_it_takes_ten_runs_at_most(client_of, bob, pair):
    answer = ask(client_of(bob), [uuid.uuid4() for _ in range(11)])
    assert answer.status_code == 422 and "at most 10" in answer.content.decode()


def test_it_shows_nothing_of_a_stranger(client_of, charlie, pair):
    assert ask(client_of(charlie), pair).status_code == 404
    assert ask(client_of(charlie), ["not-an-id"]).status_code == 404


def test_it_teaches_when_nothing_is_chosen(client_of, charlie, db):
    assert "Nothing to compare yet" in client_of(charlie).get(URL).content.decode()


def test_it_offers_finished_runs_to_choose(client_of, bob, pair):
    page = client_of(bob).get(URL).content.decode()
    assert "Thin" in page and "Wide" in page
