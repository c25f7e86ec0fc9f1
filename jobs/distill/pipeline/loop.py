"""Rounds of stages: the student goes on from round to round, the rows grow, and every round is scored."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from ..evaluate import Judged, judge
from ..ranks import here
from ..recipe import Loop, Stop
from .askers import adapter_sha256, spent_so_far
from .curve import Point, advice, predicted

if TYPE_CHECKING:
    from ..work import Work

ROOM = 100  # numbers of stored results for a round
ENOUGH = "end-rounds"  # a file of this name in the run folder: a person wants no further round


def loop(work: Work, index: int, stage: Loop, arms: dict[str, Judged]) -> list[str]:
    """Carries the rounds out; returns the names of the student's stored trainings."""
    from .carry import carry_out

    names = list[str]()
    if work.trained and here().leader:  # where the curve begins: the student as the stages before left it
        rows = sum(r.answer is not None for r in work.train_rows)
        work.rounds.append(_scored(work, index, stage, -1, rows, arms))
    for number in range(stage.rounds):
        before = sum(r.answer is not None for r in work.train_rows)
        names += carry_out(work, _renamed(stage, number), arms, 1000 * (index + 1) + ROOM * number)
        if not here().leader:  # the leader decides; others follow its stored results
            continue
        work.rounds.append(_scored(work, index, stage, number, before, arms))
        work.session.events.emit("round", stage=stage.name, **work.rounds[-1])
        if bought := work.rounds[-1].get("advice"):
            work.session.events.log(f"After round {number + 1}: {bought['sentence']}")
        why = reason_to_stop(stage.stop, [r for r in work.rounds if r["loop"] == stage.name])
        if why := why or _asked_to_stop(work):
            work.session.events.reason(stage.name, f"{number + 1} of {stage.rounds} rounds", why)
            break
    return names


def _renamed(stage: Loop, number: int) -> list[Any]:
    """The stages of a round, with its number in what they write."""
    return [s.model_copy(update={"name": f"{s.name} {number + 1}"}) for s in stage.stages]


def _scored(work: Work, index: int, stage: Loop, number: int, before: int, arms: dict[str, Judged]) -> dict[str, Any]:
    """Score and gap closed after a round, what was expected of it and what the next rows would buy; stored, so that a
    resumed run decides the same."""
    session, name = work.session, f"{index:02d}-round-{number + 1}"
    if found := session.results.get(name):
        return dict(json.loads((found / "round.json").read_text()))
    work.model.eval()
    with session.timed("evaluate"):
        judged = _judged(work, f"{stage.name} {number + 1}")
    score, error = float(judged.scores.mean()), _error(judged)
    base, teacher = (float(arms[a].scores.mean()) if a in arms else None for a in ("base", "teacher"))
    gap = (score - base) / (teacher - base) if base is not None and teacher is not None and teacher != base else None
    made = sum(f["made"] for n, f in work.stage_facts.items() if n.endswith(f" {number + 1}") and "asked" in f)
    rows, spent = sum(r.answer is not None or r.row_id in work.written for r in work.train_rows), spent_so_far(session)
    out: dict[str, Any] = {
        "loop": stage.name, "round": number + 1, "score": score, "error": error, "gap_closed": gap, "rows": rows,
        "rows_before": before, "made": made, "spent": spent[0], "currency": spent[1],
    }  # fmt: skip
    if work.metric != "bits_per_byte":
        out |= _foreseen(work, stage, out)
    session.results.put(name, {"round.json": json.dumps(out).encode()})
    return out


def _judged(work: Work, name: str) -> Judged:
    """The student as it is now on the held-out rows, whether it writes or names."""
    if work.labelling is not None:
        from ..labelling.judging import judge_student

        return judge_student(work, name)
    return judge(work.session, work.student_speaker(adapter_sha256(work)), name, work.metric)


def _asked_to_stop(work: Work) -> str | None:
    """Whether a person said that these rounds are enough: the run goes on behind the loop with what is there."""
    return "a person asked for no further round" if (work.session.folder / ENOUGH).exists() else None


def _error(judged: Judged) -> float:
    """Standard error of a mean over the held-out rows."""
    values = judged.scores.top / judged.scores.bottom
    return float(values.std() / math.sqrt(len(values)))


def _foreseen(work: Work, stage: Loop, now: dict[str, Any]) -> dict[str, Any]:
    """What the rounds before said of this one, and what all of them say of the next 1,000 rows."""
    earlier = [r for r in work.rounds if r["loop"] == stage.name]
    points = [Point(r["rows"], r["score"], r["error"]) for r in earlier]
    expected = predicted(points, now["rows"], work.session.recipe.seed)
    written = now["rows"] - (earlier[0]["rows_before"] if earlier else now["rows_before"])
    price = now["spent"] / written if now["spent"] and written > 0 else None
    here = [*points, Point(now["rows"], now["score"], now["error"])]
    bought = advice(here, price, now["currency"], seed=work.session.recipe.seed)
    return {
        "expected": None if expected is None else dict(zip(("score", "low", "high"), expected, strict=True)),
        "advice": None if bought is None else bought.as_dict(),
    }


def reason_to_stop(stop: Stop, rounds: list[dict[str, Any]]) -> str | None:
    """Why the loop ends after these rounds; None when it goes on."""
    last, rounds = rounds[-1], [r for r in rounds if r["round"]]
    if stop.gap_closed is not None and last["gap_closed"] is not None and last["gap_closed"] >= stop.gap_closed:
        return f"the gap closed is {last['gap_closed']:.2f}, {stop.gap_closed:.2f} was asked for"
    if stop.nothing_new and last["made"] == 0:
        return "the round made no new row"
    if stop.worth is not None and (bought := last.get("advice")) and bought["high"] < stop.worth:
        return f"{bought['sentence'].removesuffix(' Stop?')} Less than the {100 * stop.worth:g} points asked for"
    values = [r["gap_closed"] if r["gap_closed"] is not None else r["score"] for r in rounds]
    if len(values) > stop.patience:
        best = max(values[: -stop.patience])
        if max(values[-stop.patience :]) < best + max(stop.gain, 1e-9):
            return f"{stop.patience} rounds without a gain of {stop.gain:g}"
    return None
