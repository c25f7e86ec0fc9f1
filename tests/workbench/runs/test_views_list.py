"""The list of runs."""

import pytest
from django.urls import reverse

from tests.workbench import make_runs

URL = "/runs/"


@pytest.fixture
def run(team_a, alice):
    return make_runs.succeeded(team_a, alice, title="Intents, rank 16")


def test_it_shows_the_teams_runs_with_gap_and_interval(client_of, bob, run):
    page = client_of(bob).get(URL).content.decode()
    assert "Intents, rank 16" in page and "0.81" in page and "[0.77, 0.84]" in page


def test_it_hides_them_from_a_stranger(client_of, charlie, run):
    assert "Intents, rank 16" not in client_of(charlie).get(URL).content.decode()


def test_it_teaches_when_there_is_nothing(client_of, charlie, db):
    assert "No runs yet" in client_of(charlie).get(URL).content.decode()


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("state=finished", True),
        ("state=failed", False),
        ("q=rank+16", True),
        ("q=nothing", False),
        ("who=me", True),
        ("q=sample%2Fbanking77-student", True),
    ],
)
def test_it_filters_by_the_address(client_of, alice, run, query, seen):
    assert ("Intents, rank 16" in client_of(alice).get(f"{URL}?{query}").content.decode()) is seen


@pytest.mark.parametrize("query", ["sort=password", "sort=-run__owner__password", "state=x__regex", "kind=../x"])
def test_it_refuses_unknown_fields_in_a_sentence(client_of, alice, run, query):
    answer = client_of(alice).get(f"{URL}?{query}")
    assert answer.status_code == 422 and "Unknown" in answer.content.decode()


@pytest.mark.parametrize("page", ["-1", "0", "1e9", "1000000000000000000", "x", "%00", "１２"])
def test_it_clamps_the_page(client_of, alice, run, page):
    answer = client_of(alice).get(f"{URL}?page={page}")
    assert answer.status_code == 200 and "Intents, rank 16" in answer.content.decode()


def test_it_refreshes_itself_only_while_something_is_live(client_of, alice, team_a, run):
    assert "every 3s" not in client_of(alice).get(URL).content.decode()
    make_runs.waiting(team_a, alice)
    assert "every 3s" in client_of(alice).get(URL).content.decode()


def test_it_answers_htmx_with_the_table_alone(client_of, alice, run):
    part = client_of(alice).get(URL, headers={"HX-Request": "true"}).content.decode()
    assert part.startswith('<div id="runs-table"') and "<html" not in part


def test_it_shows_markup_in_a_title_as_text(client_of, alice, team_a):
    make_runs.waiting(team_a, alice, title="<script>alert(1)</script>")
    assert "<script>alert(1)" not in client_of(alice).get(URL).content.decode()


def test_it_shows_who_waits_and_why(client_of, alice, team_a):
    make_runs.running(team_a, alice, title="First")
    make_runs.waiting(team_a, alice, title="Second")
    page = client_of(alice).get(reverse("runs:queue")).content.decode()
    assert "Second" in page and "Who waits, and why" in page and "CPU 0" in page


def test_it_names_no_other_teams_run_in_the_queue(client_of, charlie, alice, team_a):
    make_runs.running(team_a, alice, title="Secret work")
    page = client_of(charlie).get(reverse("runs:queue")).content.decode()
    assert "Secret work" not in page and "Works for another team" in page
