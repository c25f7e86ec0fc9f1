"""Stages that make rows, in whole runs: what is written, kept, left out, and taken up again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.errors import PlanRefused, RecipeInvalid
from jobs.distill.events import Events
from jobs.distill.run import distill
from tests.jobs.distill import scripted

TRAIN = {"kind": "train", "name": "fine-tune", "steps": 2, "batch_size": 4, "learning_rate": 0.01, "rows": "all", "terms": [{"type": "cross-entropy"}]}  # fmt: skip
SUMS = [(f"{n} + {n + 1}", str(2 * n + 1)) for n in range(16)]


def add(messages: list[dict[str, str]]) -> str:
    a, b = messages[-1]["content"].split(" + ")
    wrong = int(a) % 4 == 3
    return str(int(a) + int(b) + wrong)


def written(**more: object) -> dict[str, object]:
    return {"kind": "write", "name": "answers", "writer": "answers", "max_new_tokens": 8, **more}


def test_a_teacher_in_memory_writes_and_every_row_says_where_it_came_from(tmp_path: Path) -> None:
    folder, _ = scripted.run(
        tmp_path / "run", {"stages": [written(temperature=5.0, max_new_tokens=90), TRAIN]}, scripted.rows(SUMS)
    )
    made, out = scripted.output(folder, "answers"), scripted.rejected(folder, "answers")
    assert len(made) + len(out) == 12
    for row in made:
        assert row["lineage"]["parents"] == [row["id"]] and row["lineage"]["writer"] == "answers" and row["gold"]
    assert {r["code"] for r in out} <= {"truncated", "empty", "copy"}
    facts = json.loads((folder / "report.json").read_text())["made_rows"]["answers"]
    assert facts["made"] == len(made) and facts["rejected"] == len(out)


def test_wrong_answers_do_not_reach_training(tmp_path: Path) -> None:
    check = {"kind": "verify", "name": "check", "checks": [{"type": "numeric"}]}
    recipe = {"stages": [written(), check, TRAIN]}
    folder, teacher = scripted.run(tmp_path / "run", recipe, scripted.rows(SUMS), add)
    assert teacher and len(teacher.asked) == 16  # twelve to learn from, four that are held out
    assert {r["parents"][0] for r in scripted.rejected(folder, "check")} == {"row-003", "row-007", "row-011"}
    assert len(scripted.output(folder, "check")) == 9
    report = json.loads((folder / "report.json").read_text())
    assert report["made_rows"]["check"]["reasons"] == {"numeric": 3}
    assert report["scores"]["teacher"]["value"] == 0.75


def test_a_resumed_run_asks_nothing_twice(tmp_path: Path) -> None:
    with scripted.teacher(add) as teacher:
        recipe = {"stages": [written(candidates=2, temperature=1.0), TRAIN]}
        folder = scripted.run_folder(tmp_path / "run", recipe, scripted.rows(SUMS), teacher.url)
        first = distill(folder, Events(folder))
        asked = len(teacher.asked)
        again = distill(folder, Events(folder))
        assert len(teacher.asked) == asked and max(teacher.counts.values()) == 1
        assert first["made_rows"] == again["made_rows"]


def test_what_accepts_nothing_stops_with_examples(tmp_path: Path) -> None:
    check = {"kind": "verify", "name": "check", "checks": [{"type": "numeric"}], "sample": 5}
    recipe = {"stages": [written(), check, TRAIN]}
    with pytest.raises(PlanRefused, match="accepts none of 5 rows.*row-") as e:
        scripted.run(tmp_path / "run", recipe, scripted.rows(SUMS), lambda messages: "no idea, 1000")
    assert e.value.code == "VERIFIER_ACCEPTS_NOTHING"


def test_what_accepts_everything_is_an_alarm(tmp_path: Path) -> None:
    check = {"kind": "verify", "name": "check", "checks": [{"type": "length-band"}]}
    many = [(f"{4 * n} + {n}", str(5 * n)) for n in range(30)]
    recipe = {"stages": [written(), check, TRAIN]}
    folder, _ = scripted.run(tmp_path / "run", recipe, scripted.rows(many), add)
    assert [e["code"] for e in scripted.events(folder, "alarm")].count("VERIFIER_ACCEPTS_EVERYTHING") == 1


def test_an_unknown_variable_is_refused_with_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    stage = written(prompts={"answer": {"user": "Sum:\n{{questoin}}"}})
    with pytest.raises(RecipeInvalid, match="line 2.*questoin") as e:
        scripted.run(tmp_path / "run", {"stages": [stage, TRAIN]}, scripted.rows(SUMS), add)
    assert "question" in str(e.value.hint)


def test_rounds_are_scored_and_stop_by_their_rule(tmp_path: Path) -> None:
    ask = written(name="more", rows="wrong", keep="add")
    loop = {"kind": "loop", "name": "rounds", "rounds": 3, "stages": [ask, TRAIN], "stop": {"patience": 1}}
    folder, _ = scripted.run(tmp_path / "run", {"stages": [TRAIN, loop]}, scripted.rows(SUMS), add)
    rounds = json.loads((folder / "report.json").read_text())["rounds"]
    assert 2 <= len(rounds) <= 4 and [r["round"] for r in rounds] == list(range(len(rounds)))
    assert all(0 <= r["score"] <= 1 for r in rounds)
    assert rounds[0]["made"] == 0 and rounds[1]["made"] > 0 and rounds[1]["rows"] > rounds[0]["rows"]


def test_a_person_ends_the_rounds_and_the_run_goes_on_to_its_report(tmp_path: Path) -> None:
    ask = written(name="more", rows="wrong", keep="add")
    loop = {"kind": "loop", "name": "rounds", "rounds": 3, "stages": [ask, TRAIN], "stop": {"patience": 9}}
    with scripted.teacher(add) as teacher:
        folder = scripted.run_folder(tmp_path / "run", {"stages": [TRAIN, loop]}, scripted.rows(SUMS), teacher.url)
        (folder / "end-rounds").touch()
        report = distill(folder, Events(folder))
    assert [r["round"] for r in report["rounds"]] == [0, 1] and report["scores"]["student"]
    (why,) = [e["why"] for e in scripted.events(folder, "reason") if e["field"] == "rounds"]
    assert "no further round" in why
