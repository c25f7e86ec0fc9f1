"""Teacher calls between the engine's ledger and the database: each once, whole, and back again on another machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from django.conf import settings

from jobs import lease as leases
from jobs import ledger, teachers
from jobs.distill.asking.ledger import WRITER, Answers
from jobs.distill.asking.request import Reply, Request
from jobs.distill.asking.segment import records
from jobs.distill.recipe import endpoint as schema
from workbench.endpoints import actions as endpoints
from workbench.endpoints import queries
from workbench.endpoints.models import TeacherCall
from workbench.runs import actions
from workbench.runs.models import Run, Slot

pytestmark = pytest.mark.django_db

SPEC = {"url": "https://api.example.org/v1", "model": "big-1", "price_in": 1.0, "price_out": 2.0}
ODD = 'NUL \x00, half a pair \ud83d, "quotes",\nlines, 日本 🎈'


@pytest.fixture
def row(team_a, alice):
    return endpoints.add(team_a, alice, "Big", dict(SPEC), {}, "sk-secret")


@pytest.fixture
def lease(team_a, alice, row) -> leases.Lease:
    slot = Slot.objects.create(host="here", name="cpu-0", queue="gpu")
    spec = {"teacher": {"model": row.key, "budget": {"max_price": 5.0, "max_tokens": 1000}}}
    actions.start_run("distill", team_a, alice, "Run", spec)
    found = leases.claim("gpu", slot.pk, "me")
    assert found
    return found


@pytest.fixture
def answers(lease, team_a, monkeypatch):
    """The engine's side: what a child of this attempt writes."""
    shutil.rmtree(ledger.place(team_a.pk), ignore_errors=True)
    monkeypatch.setenv(WRITER, ledger.writer(lease))
    kept = Answers(asker(), [ledger.place(team_a.pk)])
    yield kept
    kept.close()


def asker() -> str:
    return schema.Endpoint.model_validate(SPEC).key


def question(n: int, text: str = "How many?") -> Request:
    return Request(({"role": "user", "content": f"{text} {n}"},), 32, temperature=0.7, number=n)


def put(answers: Answers, n: int, text: str = "Many.", outcome: str = "ok", **more) -> Request:
    request = question(n)
    answers.write(request, Reply(request.sha256, text, outcome, "stop", 10, 20, 0.5, 1.5, "big-1-0601", **more))
    return request


def test_it_brings_each_call_over_once_while_the_run_goes_on(lease, answers, row) -> None:
    calls = teachers.calls(lease)
    assert calls and calls.flush() == 0
    for n in range(3):
        put(answers, n)
    assert calls.flush() == 3 and calls.flush() == 0
    put(answers, 3, "", "empty", why="nothing was said")
    assert calls.flush() == 1
    found = TeacherCall.objects.order_by("id")
    assert [c.outcome for c in found] == ["ok", "ok", "ok", "empty"]
    last = found[3]
    assert (last.endpoint, str(last.run_id), last.attempt, last.why) == (row, lease.run_id, 1, "nothing was said")
    assert (last.tokens_in, last.tokens_out, last.price, last.version) == (10, 20, 0.5, "big-1-0601")
    assert last.prompt == [{"role": "user", "content": "How many? 3"}]


def test_it_writes_nothing_twice_after_a_lost_acknowledgement(lease, answers) -> None:
    for n in range(5):
        put(answers, n)
    first, forgetful = teachers.calls(lease), teachers.calls(lease)
    assert first and forgetful
    first.flush()
    assert forgetful.flush() == 5 and TeacherCall.objects.count() == 5


def test_a_line_that_is_still_being_written_waits(lease, answers, team_a) -> None:
    put(answers, 0)
    (segment,) = ledger.place(team_a.pk).glob("*/*.jsonl")
    whole = segment.read_bytes()
    put(answers, 1)
    line = segment.read_bytes()[len(whole) :]
    segment.write_bytes(whole + line[:-20])
    calls = teachers.calls(lease)
    assert calls and calls.flush() == 1
    segment.write_bytes(whole + line)
    assert calls.flush() == 1 and TeacherCall.objects.count() == 2


def test_large_answers_come_in_batches_and_none_is_left_out(lease, answers) -> None:
    for n in range(7):
        put(answers, n, "x" * 400_000)
    calls = teachers.calls(lease)
    assert calls
    read = []
    while n := calls.flush():
        read.append(n)
    assert sum(read) == 7 and len(read) > 1 and TeacherCall.objects.count() == 7


def test_texts_that_the_database_cannot_hold_come_back_as_they_were(lease, answers, team_a) -> None:
    request = put(answers, 0, ODD)
    calls = teachers.calls(lease)
    assert calls
    calls.flush()
    stored = TeacherCall.objects.get()
    assert "\x00" not in stored.answer and "日本 🎈" in stored.answer
    before = next(r for p in ledger.place(team_a.pk).glob("*/*.jsonl") for r in records(p))
    (after,) = _back(team_a)
    assert after == before and after["reply"]["text"] == ODD and after["request"] == request.sha256


def test_another_machine_gets_what_it_lacks_and_only_that(lease, answers, team_a) -> None:
    asked = [put(answers, n, f"Answer {n}.", logprobs=({"a": -0.5},)) for n in range(4)]
    calls = teachers.calls(lease)
    assert calls
    calls.flush()
    folder = ledger.place(team_a.pk) / asker()
    mine = {r["request"]: r for p in folder.glob("*.jsonl") for r in records(p)}
    shutil.rmtree(folder)
    other = Answers(asker(), [ledger.place(team_a.pk)])
    put(other, 1, "Asked here too.")
    other.close()
    assert ledger.write_back(team_a.pk, [asker()]) == 3
    assert ledger.write_back(team_a.pk, [asker()]) == 0
    back = {r["request"]: r for p in folder.glob("*-back-*.jsonl") for r in records(p)}
    assert back == {r.sha256: mine[r.sha256] for r in asked if r.number != 1}
    reader = Answers(asker(), [ledger.place(team_a.pk)])
    found = reader.get(asked[2].sha256)
    assert found and found.text == "Answer 2." and found.logprobs == ({"a": -0.5},) and not found.paid
    reader.close()


def test_other_teams_and_other_runs_stay_apart(lease, answers, team_a, team_b) -> None:
    put(answers, 0)
    calls = teachers.calls(lease)
    assert calls
    calls.flush()
    assert ledger.write_back(team_b.pk, [asker()]) == 0
    stranger = ledger.Calls(leases.Lease("0" * 8 + lease.run_id[8:], "distill", 1, 1), team_a.pk, calls.askers)
    assert stranger.flush() == 0


def test_a_damaged_line_is_left_out_and_the_others_come(lease, answers, team_a) -> None:
    put(answers, 0)
    put(answers, 1)
    (segment,) = ledger.place(team_a.pk).glob("*/*.jsonl")
    segment.write_bytes(segment.read_bytes().replace(b"Many.", b"Lots.", 1))
    calls = teachers.calls(lease)
    assert calls and calls.flush() == 2 and TeacherCall.objects.count() == 1


# -- what the attempt is given


def test_the_key_is_in_the_environment_and_nowhere_else(lease, row, tmp_path) -> None:
    run = Run.objects.get()
    entry = teachers.specification(run, row)
    name = teachers.variable(row)
    assert entry["key_env"] == name and schema.Endpoint.model_validate(entry).key == asker()
    assert teachers.keys(run) == {name: "sk-secret"} and "sk-secret" not in json.dumps(entry)
    around = teachers.surroundings(lease, run)
    assert around["WB_LEDGER"] == str(Path(settings.DATA_DIR) / "ledger" / str(run.team_id))
    assert "sk-secret" not in json.dumps(around)


def test_a_key_sealed_with_another_secret_is_left_out(lease, settings) -> None:
    settings.SECRET_KEY = "another"
    assert teachers.keys(Run.objects.get()) == {}


def test_the_budget_is_the_smaller_of_run_and_month(lease, answers, row) -> None:
    run = Run.objects.get()
    assert teachers.budget(run, row) == {"max_price": 5.0, "max_tokens": 1000}
    row.monthly_price, row.monthly_tokens = 3.0, 400
    row.save()
    assert teachers.budget(run, row) == {"max_price": 3.0, "max_tokens": 400}
    calls = teachers.calls(lease)
    assert calls
    for n in range(2):
        put(answers, n)
    calls.flush()  # 1.0 and 60 tokens, by an attempt whose journals are on another machine
    assert teachers.budget(run, row) == {"max_price": 2.0, "max_tokens": 340}
    row.monthly_price = row.monthly_tokens = None
    row.save()
    assert teachers.budget(run, row) == {"max_price": 4.0, "max_tokens": 940}


def test_journals_on_this_machine_are_counted_by_the_engine_alone(lease, answers, row) -> None:
    run = Run.objects.get()
    (Path(settings.RUNS_DIR) / str(run.pk) / "a1-1" / "spending").mkdir(parents=True)
    calls = teachers.calls(lease)
    assert calls
    put(answers, 0)
    calls.flush()
    assert teachers.budget(run, row) == {"max_price": 5.0, "max_tokens": 1000}
    row.monthly_price = 2.0
    row.save()
    assert teachers.budget(run, row)["max_price"] == 2.0  # 1.5 are left and 0.5 of the journal's are this month's


def test_a_raised_cap_takes_the_place_of_the_recipes(lease, row, alice) -> None:
    run = Run.objects.get()
    endpoints.raise_cap(run, alice, row.key, 9.0, None)
    assert teachers.budget(run, row) == {"max_price": 9.0, "max_tokens": None}
    assert run.spec["teacher"]["budget"]["max_price"] == 5.0


def test_all_runs_together_keep_to_the_month(lease, answers, row) -> None:
    calls = teachers.calls(lease)
    assert calls
    put(answers, 0)
    calls.flush()
    assert calls.over() is None
    row.monthly_price = 0.4
    row.save()
    over = calls.over()
    assert over is not None and over.code == "BUDGET_SPENT" and queries.left_of_month(row)[0] == 0


def _back(team) -> list[dict]:
    """The ledger of a machine that had nothing."""
    folder = ledger.place(team.pk) / asker()
    shutil.rmtree(folder)
    ledger.write_back(team.pk, [asker()])
    return [r for p in folder.glob("*.jsonl") for r in records(p)]
