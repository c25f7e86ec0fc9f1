"""The page of one run and its buttons."""

import io
import zipfile

import pytest
from django.urls import reverse

from tests.workbench import make_runs
from workbench.runs.models import Run, State
from workbench.runs.timeline import timeline
from workbench.studio.models import Draft

PARTS = [
    "header",
    "actions",
    "report",
    "curves",
    "numbers",
    "samples",
    "alarms",
    "timeline",
    "log",
    "choices",
    "rows",
    "rounds",
    "gate",
]


def url(run, name="detail", *more):
    return reverse(f"runs:{name}", args=[run.id, *more])


@pytest.fixture
def live(team_a, alice):
    return make_runs.running(team_a, alice)


def test_it_shows_stage_progress_and_time_left(client_of, bob, live):
    page = client_of(bob).get(url(live)).content.decode()
    assert "96 of 240 steps" in page and "about 46 s" in page and 'aria-current="step"' in page


def test_it_reloads_itself_without_javascript_only_while_live(client_of, alice, live, team_a):
    assert 'http-equiv="refresh"' in client_of(alice).get(url(live)).content.decode()
    done = make_runs.succeeded(team_a, alice, slot="cpu-7")
    assert 'http-equiv="refresh"' not in client_of(alice).get(url(done)).content.decode()


def test_it_says_why_a_run_failed_and_what_to_do(client_of, alice, team_a):
    page = client_of(alice).get(url(make_runs.failed(team_a, alice))).content.decode()
    assert (
        "stopped being finite at step 41" in page
        and "Lower the learning rate from 0.02" in page
        and "Try again" in page
    )


def test_it_reports_gap_control_and_examples(client_of, alice, team_a):
    page = client_of(alice).get(url(make_runs.succeeded(team_a, alice), "report")).content.decode()
    assert (
        "0.81" in page and "more than noise" in page and "card_delivery_estimate" in page and "Download adapter" in page
    )


@pytest.mark.parametrize("name", PARTS)
def test_it_serves_every_part_alone(client_of, alice, live, name):
    part = client_of(alice).get(url(live, "part", name))
    assert (
        part.status_code == 200
        and f'id="part-{name}"' in part.content.decode()
        and "<html" not in part.content.decode()
    )


def test_it_shows_samples_of_student_and_teacher_as_text(client_of, alice, live):
    make_runs.event(
        live,
        "sample",
        step=10,
        row_id="a",
        prompt="<img src=x onerror=alert(1)>",
        gold="g",
        teacher="card_arrival",
        student="card_arrival",
    )
    page = client_of(alice).get(url(live)).content.decode()
    assert "as the teacher" in page and "<img src=x" not in page


@pytest.mark.parametrize("name", ["detail", "report", "stream", "curves", "log", "recipe", "folder"])
def test_it_is_not_there_for_a_stranger(client_of, charlie, live, name):
    assert client_of(charlie).get(url(live, name)).status_code == 404


@pytest.mark.parametrize("name", ["cancel", "pause", "resume", "retry", "clone"])
def test_it_takes_no_orders_from_a_stranger(client_of, charlie, live, name):
    assert client_of(charlie).post(url(live, name)).status_code == 404
    live.refresh_from_db()
    assert live.desired == "run"


@pytest.mark.parametrize("name", ["cancel", "pause", "resume", "retry", "clone"])
def test_it_changes_nothing_on_get(client_of, alice, live, name):
    assert client_of(alice).get(url(live, name)).status_code == 405


def test_it_cancels_once_however_often_it_is_clicked(client_of, alice, live):
    for _ in range(2):
        assert client_of(alice).post(url(live, "cancel"), follow=True).status_code == 200
    live.refresh_from_db()
    assert live.desired == "cancel" and live.state == State.RUNNING


def test_it_pauses_and_resumes_a_waiting_run(client_of, alice, team_a):
    run = make_runs.waiting(team_a, alice)
    client_of(alice).post(url(run, "pause"))
    assert Run.objects.get(pk=run.pk).state == State.PAUSED
    client_of(alice).post(url(run, "resume"))
    assert Run.objects.get(pk=run.pk).state == State.QUEUED


def test_it_tells_a_viewer_no(client_of, alice, live, team_a):
    from workbench.team.models import Membership

    Membership.objects.filter(user=alice).update(role="viewer")
    assert client_of(alice).post(url(live, "cancel")).status_code == 403
    assert "Clone and change" not in client_of(alice).get(url(live)).content.decode()


def test_it_leaves_a_quarantined_run_to_operators(client_of, alice, live):
    from workbench.runs.state import acting

    with acting("reaper"):
        Run.objects.filter(pk=live.pk).update(state="quarantined", slot=None, owner=None, lease_until=None)
    assert client_of(alice).post(url(live, "retry")).status_code == 403


def test_it_clones_the_recipe_into_a_draft(client_of, alice, live):
    answer = client_of(alice).post(url(live, "clone"))
    draft = Draft.objects.get()
    assert answer.url == reverse("studio:draft", args=[draft.id])
    assert (
        draft.fields["method"] == "llm-neo"
        and draft.fields["student"]["adapter"]["rank"] == 32
        and "sha256" not in draft.fields["data"]
    )


def test_it_gives_the_run_folder_to_take_away(client_of, alice, live):
    answer = client_of(alice).get(url(live, "folder"))
    with zipfile.ZipFile(io.BytesIO(b"".join(answer))) as archive:
        names = {n.partition("/")[2] for n in archive.namelist()}
        recipe = archive.read(f"run-{live.number}/recipe.yaml").decode()
    assert {"recipe.yaml", "models.json", "README.txt"} <= names and "llm-neo" in recipe


def test_it_thins_curves_and_keeps_their_extremes(client_of, alice, live):
    make_runs.curves(live, steps=2600)
    data = client_of(alice).get(url(live, "curves") + "?name=loss").json()
    assert [s["label"] for s in data["series"]] == ["Student", "Control"]
    for series in data["series"]:
        assert 400 < sum(v is not None for v in series["values"]) <= 1000


def test_it_writes_log_lines_that_cannot_be_forged(client_of, alice, live):
    make_runs.event(live, "log", level="info", message="one\nERROR forged \x1b]0;x")
    text = client_of(alice).get(url(live, "log")).content.decode()
    assert text.count("\n") == 1 and "\\n" in text and "\x1b" not in text


def test_a_run_that_waits_for_a_person_is_no_error_on_its_timeline(team_a, alice):
    run = make_runs.running(team_a, alice)
    make_runs.event(run, "error", code="REVIEW_NEEDED", message="6 rows are ready to be looked at.", hint="")
    make_runs.event(run, "error", code="DATA_REFUSED", message="No row is left.", hint="")
    tones = {m.title: m.tone for m in timeline(run)}
    assert tones["6 rows are ready to be looked at."] == "" and tones["No row is left."] == "danger"
