"""The live stream: ids, replay, odd ids."""

import asyncio
import json

import pytest
from asgiref.sync import async_to_sync

from tests.workbench import make_runs
from workbench.runs import stream


def read(run, after=0, most=50):
    """Messages of one connection until it ends or falls silent."""

    async def collect():
        out = []
        async for chunk in stream.events(run.id, after):
            out.append(chunk.decode())
            if len(out) >= most or chunk.startswith(b": still"):
                break
        return out

    return async_to_sync(collect)()


def ids(messages):
    return [int(m.split("\n")[0].removeprefix("id: ")) for m in messages if m.startswith("id: ")]


@pytest.fixture
def run(team_a, alice):
    run = make_runs.running(team_a, alice)
    for n in range(5):
        make_runs.event(run, "log", level="info", message=f"line {n}\nevent: forged")
    return run


def test_it_sends_every_event_once_and_in_order(run):
    seen = ids(read(run))
    assert seen == sorted(set(seen)) == list(run.events.order_by("id").values_list("id", flat=True))


def test_it_continues_after_the_last_event_that_was_seen(run):
    seen = ids(read(run))
    assert ids(read(run, after=seen[3])) == seen[4:]


def test_it_keeps_text_of_users_inside_one_data_line(run):
    line = next(m for m in read(run) if "line 0" in m)
    assert line.count("\n") == 4 and json.loads(line.split("data: ")[1])["message"] == "line 0\nevent: forged"


def test_it_ends_when_the_run_has_ended(team_a, alice):
    assert read(make_runs.succeeded(team_a, alice))[-1].startswith("event: end")


@pytest.mark.parametrize(
    ("header", "query", "after"),
    [
        ("7", None, 7),
        (None, "9", 9),
        ("7", "9", 7),
        ("-1", None, 0),
        ("abc", "9", 0),
        ("1" + "0" * 30, None, 0),
        ("９", None, 0),
        (None, None, 0),
        ("9" * 19, None, 2**63 - 1),
    ],
)
def test_it_takes_odd_ids_as_none(header, query, after):
    assert stream.last_seen(header, query) == after


@pytest.mark.django_db(transaction=True)
def test_it_streams_over_asgi_to_the_team_only(team_a, alice, charlie):
    from django.test import AsyncClient

    run = make_runs.succeeded(team_a, alice)

    async def ask(user):
        client = AsyncClient()
        await client.aforce_login(user, backend="django.contrib.auth.backends.ModelBackend")
        answer = await client.get(f"/runs/{run.id}/stream/", headers={"Last-Event-ID": "0"})
        return answer.status_code, [c async for c in answer.streaming_content] if answer.streaming else []

    status, chunks = asyncio.run(ask(alice))
    assert status == 200 and b"event: end" in chunks[-1]
    assert asyncio.run(ask(charlie)) == (404, [])
