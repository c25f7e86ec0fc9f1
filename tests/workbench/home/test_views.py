from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from tests.workbench.samples import sample_library
from workbench.home import views
from workbench.runs.models import Run


def finished(team: Any, title: str, gap: float) -> Run:
    """A finished run as a worker would have left it: the trigger lets only inserts set an end state, so it is inserted so."""
    scores = {
        arm: {"value": v, "low": v - 0.02, "high": v + 0.02, "n": 1000}
        for arm, v in (("base", 0.02), ("control", 0.5), ("student", 0.76), ("teacher", 0.9))
    }
    return Run.objects.create(
        team=team, kind="distill", title=title, queue="gpu", spec={}, spec_sha256="0" * 64, state="succeeded", finished_at=timezone.now(), started_at=timezone.now(),
        report={"scores": scores, "gap_closed": {"value": gap, "low": gap - 0.03, "high": gap + 0.03}, "student_minus_control": {"value": 0.26, "low": 0.2, "high": 0.3}},
    )  # fmt: skip


def test_it_sends_people_who_are_not_signed_in_to_the_door(db: None) -> None:
    answer = Client().get("/")
    assert answer.status_code == 302 and answer.url == "/account/login/?next=/"


def test_it_offers_the_sample_on_the_first_visit_and_starts_it_once(client_of: Any, alice: Any) -> None:
    sample_library()
    browser = client_of(alice)
    page = browser.get("/")
    assert "Run the sample distillation" in page.content.decode()
    key = page.context["idem_key"]
    first, second = (browser.post("/sample/", {"idem_key": key}) for _ in range(2))
    run = Run.objects.get()
    assert first.url == second.url == f"/runs/{run.id}/" and run.team == alice.teams.get()


def test_it_says_that_the_sample_is_still_being_prepared(client_of: Any, alice: Any) -> None:
    page = client_of(alice).get("/").content.decode()
    assert "still being prepared" in page and "disabled" in page
    answer = client_of(alice).post("/sample/", {"idem_key": uuid.uuid4()}, follow=True)
    assert "There is no model" in answer.content.decode() and not Run.objects.exists()


def test_it_shows_results_by_gap_closed_of_the_own_team_only(
    client_of: Any, alice: Any, team_a: Any, team_b: Any
) -> None:
    for team, title, gap in ((team_a, "Good", 0.8), (team_a, "Better", 0.9), (team_b, "Secret", 0.99)):
        finished(team, title, gap)
    page = client_of(alice).get("/")
    assert [r.run.title for r in page.context["view"].results] == ["Better", "Good"]
    assert "Secret" not in page.content.decode() and "0.87 to 0.93" in page.content.decode()


def test_it_tells_what_ended_since_the_last_sitting(client_of: Any, alice: Any, team_a: Any, monkeypatch: Any) -> None:
    browser = client_of(alice)
    finished(team_a, "Old", 0.7)
    session = browser.session
    session["home_seen"] = timezone.now().isoformat()
    session.save()
    finished(team_a, "New", 0.7)
    monkeypatch.setattr(views, "SITTING", timedelta(0))
    assert [r.title for r in browser.get("/").context["view"].news] == ["New"]
    monkeypatch.undo()
    assert [r.title for r in browser.get("/").context["view"].news] == ["New"]


@pytest.mark.parametrize("path", ["/", "/account/login/", "/help/", "/nothing-here/"])
def test_it_allows_only_its_own_files(client_of: Any, alice: Any, path: str) -> None:
    browser = Client() if "login" in path else client_of(alice)
    answer = browser.get(path)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy
    assert "style=" not in answer.content.decode() and "onclick" not in answer.content.decode()


def test_it_has_pages_for_what_goes_wrong(client_of: Any, alice: Any, settings: Any) -> None:
    settings.DEBUG = False
    answer = client_of(alice).get("/nothing-here/")
    assert answer.status_code == 404 and "There is nothing at this address" in answer.content.decode()


def test_it_answers_a_wrong_password_with_a_sentence(alice: Any) -> None:
    answer = Client().post("/account/login/", {"login": alice.email, "password": "wrong"})
    assert (
        "are not correct" in answer.content.decode() and "An administrator can set a new one" in answer.content.decode()
    )


@pytest.mark.parametrize("target", ["//evil.example", "https:evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_it_never_leads_away_after_sign_in(alice: Any, target: str) -> None:
    answer = Client().post(
        "/account/login/", {"login": alice.email, "password": "correct horse battery", "next": target}
    )
    assert answer.status_code == 302 and answer.url == "/"


def test_it_says_whether_the_database_answers(db: None) -> None:
    assert Client().get("/healthz").json() == {"ok": True, "database": True}


@pytest.mark.parametrize(
    "path",
    [
        "/account/logout/",
        "/account/signup/",
        "/account/password/change/",
        "/account/inactive/",
        "/account/reauthenticate/",
    ],
)
def test_it_draws_every_page_of_an_account_in_the_same_frame(client_of: Any, alice: Any, path: str) -> None:
    browser = Client() if "signup" in path else client_of(alice)
    assert "door-form" in browser.get(path).content.decode()


def test_it_says_that_the_database_is_away() -> None:
    from django.db import OperationalError

    from workbench.home.views import broken

    try:
        raise OperationalError("server closed the connection")
    except OperationalError:
        answer = broken(None)  # type: ignore[arg-type]
    assert answer.status_code == 503 and "The database does not answer" in answer.content.decode()


@pytest.fixture
def no_memory_of_tries() -> Any:
    cache.clear()
    yield
    cache.clear()


def test_it_slows_down_who_guesses_passwords(alice: Any, no_memory_of_tries: None) -> None:
    answers = [Client().post("/account/login/", {"login": alice.email, "password": f"guess {i}"}) for i in range(12)]
    assert answers[-1].status_code == 429 or "Too many" in answers[-1].content.decode()
    right = Client().post("/account/login/", {"login": alice.email, "password": "correct horse battery"})
    assert right.status_code != 302
