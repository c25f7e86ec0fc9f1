"""Rows a run made and left out, its rounds, and the review it waits for: on its page, over the API, as datasets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.workbench import make_runs
from workbench.datasets import sources
from workbench.review import gates
from workbench.runs import actions, blobs, making
from workbench.runs.models import Artifact, Run, State
from workbench.runs.state import acting

LOOP = {**make_runs.RECIPE, "stages": [{"kind": "loop", "name": "rounds", "stages": []}]}
MADE = {
    "stage": "Write sums",
    "file": "write-sums",
    "rows": 40,
    "made": 30,
    "rejected": 3,
    "reasons": {"truncated": 2, "numeric": 1},
}
OUT = [
    {"row_id": "a1", "code": "truncated", "reason": "cut off at 20 tokens", "question": "1 + 1?", "answer": "It is", "parents": ["p"]},
    {"row_id": "a2", "code": "numeric", "reason": "5 is not 4", "question": "2 + 2?", "answer": "<b>5</b>", "parents": ["p"]},
]  # fmt: skip
ADVICE = "The next 1,000 rows buy about +1.5 points [0.2, 2.8] for 3.10 USD. Stop?"


def url(run: Run, name: str = "detail", *more: str) -> str:
    return reverse(f"runs:{name}", args=[run.id, *more])


def downloaded(response: Any) -> str:
    async def all_of() -> bytes:
        return b"".join([part async for part in response.streaming_content])

    return async_to_sync(all_of)().decode()


def keep(run: Run, name: str, lines: list[dict[str, Any]]) -> None:
    blob = blobs.put("".join(json.dumps(line) + "\n" for line in lines).encode())
    Artifact.objects.create(run=run, name=f"outputs/{name}.jsonl", blob=blob, attempt=1, fence=1)


def round_of(number: int, score: float, rows: int, **more: Any) -> dict[str, Any]:
    return {"loop": "rounds", "stage": "rounds", "round": number, "score": score, "gap_closed": score, "rows": rows, "made": 20, "spent": 1.5, "currency": "USD", "expected": None, "advice": None, **more}  # fmt: skip


@pytest.fixture
def live(team_a: Any, alice: Any) -> Run:
    run = make_runs.running(team_a, alice, spec=LOOP)
    make_runs.event(run, "rows", **MADE | {"made": 10})
    make_runs.event(run, "rows", **MADE)
    return run


def test_the_page_counts_rows_made_and_left_out_by_reason(client_of, bob, live) -> None:
    page = client_of(bob).get(url(live)).content.decode()
    part = client_of(bob).get(url(live, "part", "rows")).content.decode()
    for text in (page, part):
        assert "Write sums" in text and "cut off at the longest answer" in text and ">30<" in text
    assert ">10<" not in part  # the newest word of a stage counts
    assert "Make a dataset" not in part  # nothing is kept while it works


def test_rows_left_out_are_listed_with_code_reason_question_and_answer(client_of, alice, live) -> None:
    keep(live, "write-sums", [{"id": "r", "messages": []}])
    keep(live, "write-sums-rejected", OUT)
    browser = client_of(alice)
    part = browser.get(url(live, "part", "rows")).content.decode()
    assert url(live, "rejected", "write-sums") in part and "Make a dataset" in part
    page = browser.get(url(live, "rejected", "write-sums")).content.decode()
    assert "cut off at 20 tokens" in page and "2 + 2?" in page and "&lt;b&gt;5&lt;/b&gt;" in page
    one = browser.get(url(live, "rejected", "write-sums") + "?code=numeric").content.decode()
    assert "5 is not 4" in one and "cut off at 20" not in one
    whole = downloaded(browser.get(url(live, "output", "write-sums-rejected")))
    assert [json.loads(line) for line in whole.splitlines()] == OUT
    assert browser.get(url(live, "rejected", "other")).status_code == 404


def test_rows_left_out_stand_on_pages_in_their_order(live) -> None:
    keep(live, "write-sums-rejected", [{"code": ("copy", "ß")[n % 2], "question": f"{n} ß"} for n in range(60)])
    second = making.rejected(live, "write-sums", "", 2, 25)
    assert [line["question"] for line in second.lines] == [f"{n} ß" for n in range(25, 50)]
    assert second.page.paginator.count == 60 and second.lines[0]["words"] == "ß"
    last = making.rejected(live, "write-sums", "copy", 99, 25)
    assert [line["question"] for line in last.lines] == [f"{n} ß" for n in range(50, 60, 2)] and last.page.number == 2


def test_more_runs_with_outputs_ask_no_more_queries(team_a, alice, live) -> None:
    keep(live, "write-sums", [{"id": "r"}])
    with CaptureQueriesContext(connection) as few:
        sources.outputs(team_a)
    for _ in range(3):
        keep(make_runs.waiting(team_a, alice, spec=LOOP), "write-sums", [{"id": "r"}])
    with CaptureQueriesContext(connection) as many:
        assert len(sources.outputs(team_a)) == 4
    assert len(many) == len(few)


def test_another_team_sees_none_of_it(client_of, charlie, live) -> None:
    keep(live, "write-sums-rejected", OUT)
    for name in ("rejected", "output"):
        assert client_of(charlie).get(url(live, name, "write-sums")).status_code == 404


def test_outputs_of_stages_have_titles_as_datasets(live, team_a) -> None:
    keep(live, "write-sums", [{"id": "r"}])
    keep(live, "write-sums-rejected", OUT)
    (found,) = sources.outputs(team_a)
    assert {(f["title"], f["rows"]) for f in found["files"]} == {
        ("Rows of the stage “Write sums”", 30),
        ("Rows that the stage “Write sums” left out", 3),
    }


def test_rounds_stand_as_curve_and_table_with_the_advice(client_of, bob, live) -> None:
    expected = {"score": 0.55, "low": 0.5, "high": 0.6}
    make_runs.event(live, "round", **round_of(1, 0.5, 100))
    make_runs.event(live, "round", **round_of(2, 0.7, 200, expected=expected, advice={"sentence": ADVICE}))
    page = client_of(bob).get(url(live, "part", "rounds")).content.decode()
    assert ADVICE in page and "more than expected" in page and "70.0" in page and "[50.0, 60.0]" in page
    figure = making.panel(live)["figures"][0]["data"]
    assert figure["x"] == [100, 200] and figure["series"][0]["values"] == [0.5, 0.7]
    assert [s["values"] for s in figure["series"] if s["dash"]] == [[None, 0.5], [None, 0.6]]


def test_a_member_ends_the_rounds_once_and_the_next_attempt_is_told(client_of, alice, live, settings, tmp_path) -> None:
    make_runs.event(live, "round", **round_of(1, 0.5, 100))
    browser = client_of(alice)
    assert "Stop after this round" in browser.get(url(live)).content.decode()
    for _ in range(2):
        browser.post(url(live, "end_rounds"))
    assert live.events.filter(type="end-rounds").count() == 1 and actions.rounds_are_enough(live.pk)
    page = browser.get(url(live)).content.decode()
    assert "No further round begins" in page and "Stop after this round" not in page and "The rounds end" in page


def test_rounds_of_a_method_can_be_ended_like_those_of_spelled_out_stages(team_a, alice) -> None:
    pair = {name: make_runs.RECIPE[name] for name in ("teacher", "student", "data")}
    run = make_runs.running(team_a, alice, spec={"method": "llm2llm", **pair})
    actions.end_rounds(run)
    assert actions.rounds_are_enough(run.pk)
    other = make_runs.waiting(team_a, alice, spec={"method": "llm-neo", **pair})
    assert not actions.has_rounds(other)


def test_a_run_without_rounds_cannot_end_them(team_a, alice) -> None:
    with pytest.raises(actions.NotPossible, match="has no rounds"):
        actions.end_rounds(make_runs.waiting(team_a, alice))


# -- the review


@pytest.fixture
def gated(live: Run) -> Run:
    """Paused before its review, the rows laid out by the worker."""
    laid = [
        {"id": f"r{n}", "split": "train", "messages": [{"role": "user", "content": f"{n} + {n}?"}, {"role": "assistant", "content": str(2 * n)}], "gold": "x"}
        for n in range(4)
    ]  # fmt: skip
    keep(live, "look", laid)
    make_runs.event(live, "review", stage="look", file="look", rows=4, note="Are they right?")
    with acting("worker"):
        Run.objects.filter(pk=live.pk).update(state=State.PAUSING)
        Run.objects.filter(pk=live.pk).update(
            state=State.PAUSED, slot=None, owner=None, lease_until=None,
            error={"code": "REVIEW_NEEDED", "message": "'look' waits for a person: 4 rows are ready to be looked at."},
        )  # fmt: skip
    live.refresh_from_db()
    return live


def test_a_paused_run_says_that_it_waits_for_a_review(client_of, alice, bob, gated) -> None:
    page = client_of(alice).get(url(gated)).content.decode()
    assert "Waits for a review of 4 rows" in page and "Are they right?" in page and "Lay the rows out" in page
    assert "1 + 1?" not in page


def test_laying_the_rows_out_starts_one_import_that_keeps_their_ids(client_of, alice, gated) -> None:
    browser = client_of(alice)
    for _ in range(2):
        assert browser.post(reverse("review:gate_rows", args=[gated.pk])).status_code == 302
    (making_run,) = Run.objects.filter(kind="import_dataset")
    assert making_run.spec["roles"] == {"messages": "messages", "id": "id"}
    assert gates.waiting(gated).step == "laying"
    found = browser.get(f"/api/v1/runs/{gated.pk}/review").json()
    assert (found["step"], found["rows"], found["versions"]) == ("laying", 4, [])
    assert browser.post(reverse("review:gate_go_on", args=[gated.pk])).status_code == 302
    assert browser.post(reverse("review:gate_go_on", args=[gated.pk]), {"version": "two"}).status_code == 404
    gated.refresh_from_db()
    assert gated.state == State.PAUSED  # nothing was looked at yet


def test_a_run_that_waits_for_nothing_is_told_so(client_of, alice, live) -> None:
    answer = client_of(alice).post(reverse("review:gate_rows", args=[live.pk]), follow=True).content.decode()
    assert "does not wait for a review" in answer and not Run.objects.filter(kind="import_dataset").exists()


def test_the_api_gives_rows_rounds_and_files(client_of, alice, live) -> None:
    keep(live, "write-sums-rejected", OUT)
    make_runs.event(live, "round", **round_of(1, 0.5, 100))
    browser = client_of(alice)
    (stage,) = browser.get(f"/api/v1/runs/{live.pk}/rows").json()
    assert (stage["made"], stage["reasons"], stage["kept"]) == (30, MADE["reasons"], True)
    assert browser.get(f"/api/v1/runs/{live.pk}/rounds").json()[0]["score"] == 0.5
    assert "5 is not 4" in downloaded(browser.get(f"/api/v1/runs/{live.pk}/outputs/write-sums-rejected"))
    assert browser.get(f"/api/v1/runs/{live.pk}/review").status_code == 404
