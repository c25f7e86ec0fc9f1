"""The desk's pages as forms: Alice decides, Bob on her team sits beside her, Charlie sees nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from workbench.datasets.models import DatasetVersion
from workbench.review import actions, finishing, queries
from workbench.review.models import Decision, Review
from workbench.runs.models import Artifact, Kind, Run

from .desks import LABELS, laid_out, row, stored


def page(response: Any) -> str:
    return response.content.decode()


def decide(client: Client, desk: Review, rank: int, **form: Any) -> Any:
    return client.post(reverse("review:decide", args=[desk.pk, rank]), form)


def test_it_sets_a_desk_up_from_the_version_and_goes_to_the_first_row(client: Client, version: DatasetVersion) -> None:
    assert "Set up a review desk" in page(client.get(reverse("review:new", args=[version.pk])))
    made = client.post(
        reverse("review:new", args=[version.pk]), {"order": "random", "limit": 5, "seats": 1}, follow=True
    )
    desk = Review.objects.get()
    assert desk.items.count() == 5 and "5 of 12 rows are on this desk" in desk.note
    assert made.redirect_chain[-1][0] == reverse("review:row", args=[desk.pk, 1]) and "drawn at random, seed 0" in page(
        made
    )
    assert "Questions, version 1" in page(client.get(reverse("review:list")))


def test_an_order_by_a_run_needs_one_that_kept_its_rows(client: Client, version: DatasetVersion) -> None:
    refused = client.post(reverse("review:new", args=[version.pk]), {"order": "score", "limit": 5, "seats": 1})
    assert refused.status_code == 422 and "This order needs a run over these rows" in page(refused)


def test_clean_rows_give_no_desk_of_hints(client: Client, version: DatasetVersion) -> None:
    refused = client.post(reverse("review:new", args=[version.pk]), {"order": "hints", "limit": 5, "seats": 1})
    assert refused.status_code == 422 and "Nothing looks wrong in 12 rows" in page(refused)


def outcomes(run: Run, folder: Path, lines: list[dict[str, Any]]) -> None:
    from workbench.runs import blobs

    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    Artifact.objects.create(run=run, name="rows.jsonl", blob=blobs.put(folder / "rows.jsonl"), attempt=1, fence=1)


@pytest.mark.parametrize(("order", "first", "why"), [
    ("uncertainty", 3, "the teacher&#x27;s entropy is 2.50 nats a token"),
    ("disagreement", 7, "the student says “no”, the teacher “top up”"),
    ("score", 7, "the student scores 0.00 here (exact match)"),
])  # fmt: skip
def test_what_a_run_found_out_orders_the_rows(
    client: Client, version: DatasetVersion, team_a: Any, tmp_path: Path, order: str, first: int, why: str
) -> None:
    ids = [i.row_id for i in laid_out(version, None).items.all()]
    run = Run.objects.create(
        team=team_a,
        kind=Kind.DISTILL,
        title="A run",
        queue="gpu",
        spec={},
        spec_sha256="",
        dataset_version=version,
        state="draft",
    )
    said = {"student": "no", "teacher": "top up"}
    outcomes(run, tmp_path, [
        {"row_id": ids[0], "split": "train", "teacher_entropy": 0.5}, {"row_id": ids[2], "split": "train", "teacher_entropy": 2.5},
        {"row_id": ids[5], "split": "heldout", "metric": "exact_match", "scores": {"student": 1.0, "teacher": 1.0}, "said": {"student": "x", "teacher": "x"}},
        {"row_id": ids[6], "split": "heldout", "metric": "exact_match", "scores": {"student": 0.0, "teacher": 1.0}, "said": said},
    ])  # fmt: skip
    desk = actions.open_review(team_a, None, version, order, run=run)  # type: ignore[arg-type]
    assert (
        row(desk, 1).place == first
        and desk.items.count() == 12
        and "The run knows something of 2 of 12 rows" in desk.note
    )
    shown = page(client.get(reverse("review:row", args=[desk.pk, 1])))
    assert why in shown and ("What the models said" in shown) == (order != "uncertainty")


def test_contradictions_personal_data_and_copies_come_first(team_a: Any, tmp_path: Path) -> None:
    rows = [
        ("plain", "a"),
        ("same?", "a"),
        ("same?", "b"),
        ("write to ann@example.org", "a"),
        ("again", "c"),
        ("Again ", "c"),
    ]
    found = stored(team_a, tmp_path, rows)
    desk = laid_out(found, None, "hints")
    assert [(i.place, i.why.partition(" “")[0]) for i in desk.items.all()][:2] == [
        (2, "the same question is also answered"), (3, "the same question is also answered"),
    ]  # fmt: skip
    whys = {i.place: i.why for i in desk.items.all()}
    assert "personal data" in whys[4] and "ann@example.org" not in whys[4] and 1 not in whys
    assert whys[6] == "a copy of row 5" or "same question" in whys[6]


def test_a_row_is_accepted_and_the_next_one_comes(client: Client, desk: Review) -> None:
    shown = page(client.get(reverse("review:row", args=[desk.pk, 1])))
    assert "<kbd>A</kbd>" in shown and "row 1 of the file" in shown and 'data-key="1"' not in shown.split("desk-bar")[1]
    answer = decide(client, desk, 1, verdict="accept", seen=0, answer="card lost", reason="")
    assert answer.headers["location"] == reverse("review:row", args=[desk.pk, 2])


def test_spans_come_as_numbers_or_as_the_words_themselves(client: Client, desk: Review) -> None:
    form = {"verdict": "accept", "seen": 0, "answer": "card lost", "span-start": ["0", ""], "span-end": ["2", ""]}
    decide(client, desk, 1, **form, **{"span-weight": ["0", "2"], "span-phrase": ["", "lost"]})
    assert (
        Decision.objects.get().new["paint"] == [[0, 2, 0.0], [5, 9, 2.0]] and Decision.objects.get().verdict == "paint"
    )
    shown = page(client.get(reverse("review:row", args=[desk.pk, 1])))
    assert 'name="span-start" value="5"' in shown and 'name="span-weight" value="2"' in shown


def test_a_refusal_keeps_what_was_typed(client: Client, desk: Review) -> None:
    answer = decide(client, desk, 1, verdict="reject", seen=0, answer="half a thought", comment="not sure")
    assert answer.status_code == 422 and "Say why the row is rejected" in page(answer)
    assert "half a thought" in page(answer) and "not sure" in page(answer) and not Decision.objects.exists()
    wrong = decide(
        client,
        desk,
        1,
        verdict="accept",
        seen=0,
        answer="card lost",
        **{"span-start": ["0"], "span-end": ["99"], "span-weight": ["0"], "span-phrase": [""]},
    )
    assert wrong.status_code == 422 and "Painted span 1 ends at character 99" in page(wrong)


def test_a_stale_edit_says_so_and_keeps_the_text(
    client: Client, desk: Review, bob: Any, client_of: Callable[[Any], Client]
) -> None:
    decide(client_of(bob), desk, 1, verdict="accept", seen=0, answer="what Bob wrote")
    answer = decide(client, desk, 1, verdict="accept", seen=0, answer="what Alice wrote")
    assert answer.status_code == 409 and Decision.objects.count() == 1
    text = page(answer)
    assert "was edited meanwhile by bob@example.org" in text and "what Alice wrote" in text and "what Bob wrote" in text
    assert 'name="seen" value="1"' in text
    assert decide(client, desk, 1, verdict="accept", seen=1, answer="what Alice wrote").status_code == 302


def test_a_label_key_relabels_and_undo_takes_it_back(client: Client, team_a: Any, alice: Any, tmp_path: Path) -> None:
    found = stored(team_a, tmp_path, [(f"q{n}", LABELS[n % 3]) for n in range(30)])
    desk = laid_out(found, alice)
    assert desk.labels == LABELS and 'data-key="2"' in page(client.get(reverse("review:row", args=[desk.pk, 1])))
    decide(client, desk, 1, label="refund", seen=0, answer="card lost")
    assert Decision.objects.get().verdict == "relabel"
    back = decide(client, desk, 1, verdict="undo", seen=1)
    assert back.headers["location"] == reverse("review:row", args=[desk.pk, 1])
    assert queries.counts(desk)["decided"] == 0


def test_many_rows_are_ticked_and_decided(client: Client, desk: Review) -> None:
    shown = page(client.get(reverse("review:table", args=[desk.pk])))
    assert f'value="{row(desk, 1).pk}:0"' in shown
    items = [f"{row(desk, n).pk}:0" for n in (1, 2)]
    answer = client.post(
        reverse("review:bulk", args=[desk.pk]),
        {"item": items, "verdict": "reject", "other-reason": "too short"},
        follow=True,
    )
    assert "2 rows decided" in page(answer) and queries.counts(desk)["reject"] == 2
    assert "No row is ticked" in page(
        client.post(reverse("review:bulk", args=[desk.pk]), {"verdict": "accept"}, follow=True)
    )
    assert "too short" in page(client.get(reverse("review:table", args=[desk.pk]), {"which": "rejected"}))


def test_two_reviewers_and_the_conflict_between_them(
    desk_of_two: Review, client: Client, bob: Any, client_of: Callable[[Any], Client]
) -> None:
    other = client_of(bob)
    decide(client, desk_of_two, 1, verdict="accept", seen=0, answer="what Alice wrote")
    hidden = page(other.get(reverse("review:row", args=[desk_of_two.pk, 1])))
    assert "what Alice wrote" not in hidden and "You are reviewer 2" in hidden
    decide(other, desk_of_two, 1, verdict="reject", seen=0, reason="off topic")
    shown = page(client.get(reverse("review:row", args=[desk_of_two.pk, 1])))
    assert "The two reviewers differ" in shown and "off topic" in shown and "Take this one" in shown
    figures = page(client.get(reverse("review:agreement", args=[desk_of_two.pk])))
    assert "0.0" in figures and "Where they differ" in figures and "1 open" in figures
    decide(client, desk_of_two, 1, take="1", seen=0)
    assert queries.counts(desk_of_two) == queries.counts(desk_of_two) | {"decided": 1, "conflicts": 0, "edit": 1}


def test_enter_in_a_field_decides_nothing_and_a_rejection_is_taken_with_its_reason(
    desk_of_two: Review, client: Client, bob: Any, client_of: Callable[[Any], Client]
) -> None:
    nothing = decide(client, desk_of_two, 1, seen=0, answer="half", **{"other-reason": "off"})
    assert nothing.status_code == 422 and "Nothing was decided" in page(nothing) and 'value="off"' in page(nothing)
    decide(client, desk_of_two, 1, verdict="reject", seen=0, reason="harmful")
    decide(client_of(bob), desk_of_two, 1, verdict="accept", seen=0, answer="card lost")
    decide(client, desk_of_two, 1, take="1", seen=0)
    assert [d.reason for _, d in queries.final(desk_of_two)] == ["harmful"]


def test_charlie_of_another_team_finds_nothing(desk: Review, charlie: Any, client_of: Callable[[Any], Client]) -> None:
    stranger = client_of(charlie)
    for name, args in (("desk", []), ("row", [1]), ("table", []), ("agreement", []), ("finish", []), ("decisions", [])):
        assert stranger.get(reverse(f"review:{name}", args=[desk.pk, *args])).status_code == 404
    assert decide(stranger, desk, 1, verdict="accept").status_code == 404
    assert stranger.get(reverse("review:new", args=[desk.version_id])).status_code == 404


def test_a_viewer_looks_and_decides_nothing(desk: Review, bob: Any, client_of: Callable[[Any], Client]) -> None:
    from workbench.team.models import Membership

    Membership.objects.filter(user=bob).update(role="viewer")
    viewer = client_of(bob)
    assert "desk-bar" not in page(viewer.get(reverse("review:row", args=[desk.pk, 1])))
    assert decide(viewer, desk, 1, verdict="accept").status_code == 403


def test_a_new_version_comes_of_the_decisions(client: Client, desk: Review, alice: Any, tmp_path: Path) -> None:
    """The real verb in a run folder, the real commit of its outcome."""
    from jobs.distill.data.transforms.make import transform_dataset
    from jobs.distill.events import Events
    from jobs.results import transform_dataset as results
    from workbench.runs import blobs

    assert "No row is decided yet" in page(client.post(reverse("review:finish", args=[desk.pk])))
    decide(client, desk, 1, verdict="accept", seen=0, answer="card lost")
    assert "would be the same" in page(client.post(reverse("review:finish", args=[desk.pk])))
    decide(client, desk, 2, verdict="reject", seen=0, reason="off topic")
    decide(client, desk, 3, verdict="accept", seen=0, answer="topped up")
    form = {"span-start": ["0"], "span-end": ["4"], "span-weight": ["0"], "span-phrase": [""]}
    decide(client, desk, 4, verdict="accept", seen=0, answer="card lost", **form)
    assert client.post(reverse("review:finish", args=[desk.pk])).status_code == 302
    run = Run.objects.get(kind=Kind.TRANSFORM_DATASET)
    folder = tmp_path / "run"
    (folder / "data").mkdir(parents=True)
    blobs.write_to(desk.version.rows_blob_id, folder / "data" / "rows.parquet")
    (folder / "params.json").write_text(json.dumps(run.spec))
    transform_dataset(folder, Events(folder))
    outcome = results.collect(run, folder)
    assert outcome.commit
    outcome.commit(run, {name: blobs.put(path) for name, path in outcome.files.items()})
    made = finishing.version_made(Review.objects.get(pk=desk.pk))
    assert made is not None and made.number == 2 and made.parent == desk.version and made.counts["rows"] == 11
    assert made.changes[0]["dropped"] == 1 and made.changes[0]["changed"] == 2
    shown = page(client.get(reverse("review:finish", args=[desk.pk])))
    assert "Version 2 came of this desk" in shown and "off topic" in shown


def test_every_decision_can_be_taken_away(client: Client, desk: Review) -> None:
    decide(client, desk, 1, verdict="accept", seen=0, answer="other words", comment="clearer")
    body = page(client.get(reverse("review:decisions", args=[desk.pk])))
    (line,) = [json.loads(x) for x in body.splitlines()]
    assert (line["place"], line["verdict"], line["by"], line["comment"]) == (1, "edit", "alice@example.org", "clearer")
    assert line["old"]["answer"] == "card lost" and line["new"]["answer"] == "other words"


def test_ends_of_lines_that_no_field_can_keep_are_kept(client: Client, team_a: Any, alice: Any, tmp_path: Path) -> None:
    found = stored(team_a, tmp_path, [("one\r\ntwo", "a\r\nbc")])
    desk = laid_out(found, alice)
    decide(client, desk, 1, verdict="accept", seen=0, answer="a\r\nbc", **{"turn-0": "one\ntwo"})
    assert Decision.objects.get().verdict == "accept"
    form = {
        "span-start": ["2"],
        "span-end": ["4"],
        "span-weight": ["0"],
        "span-phrase": [""],
    }  # as the field counts: a, \n, b, c
    decide(client, desk, 1, verdict="accept", seen=1, answer="a\nbc", **form)
    last = Decision.objects.latest("pk")
    assert last.verdict == "paint" and last.new["answer"] == "a\r\nbc" and last.new["paint"] == [[3, 5, 0.0]]
    assert 'name="span-start" value="2"' in page(client.get(reverse("review:row", args=[desk.pk, 1])))
