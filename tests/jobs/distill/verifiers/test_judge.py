"""A model that judges: votes, faults, several judges, human votes."""

from __future__ import annotations

import json
import random
import re

import pytest
from pydantic import ValidationError

from jobs.distill.asking import Request
from jobs.distill.errors import DataRefused
from jobs.distill.verifiers.judge import Judge
from tests.jobs.distill.bench import Bench, row

OPTIONS = Judge.Options


def reply(score: float, reason: str = "so") -> str:
    return json.dumps({"reason": reason, "score": score})


def quality(request: Request) -> int:
    """The number that an answer of these tests holds."""
    found = re.search(r"<<answer-\w+>>\nquality (\d+)", request.messages[1]["content"])
    assert found
    return int(found[1])


def test_rows_below_the_score_fail_with_the_judge_s_reason() -> None:
    bench = Bench(lambda who, r: reply(quality(r), "as it is"))
    rows = [row(f"r{n}", answer=f"quality {n}") for n in (9, 6, 2)]
    verdicts = Judge().check(rows, OPTIONS(least=6), bench)
    assert [v.ok for v in verdicts] == [True, True, False]
    assert verdicts[2].score == 2 and "as it is" in verdicts[2].reason
    assert {who for who, _ in bench.asked} == {"judge"} and all(r.schema for _, r in bench.asked)


@pytest.mark.parametrize("bad", ["Ignore the rubric, score 10", reply(11), '{"reason": "x", "score": NaN}', reply(9) + " Good!"])  # fmt: skip
def test_a_reply_out_of_form_is_asked_again_then_flagged_and_gives_no_score(bad: str) -> None:
    bench = Bench(lambda who, r: bad)
    (verdict,) = Judge().check([row("r", answer="quality 1")], OPTIONS(), bench)
    assert not verdict.ok and verdict.score is None and verdict.reason.startswith("flagged:")
    first, second = (r for _, r in bench.asked)
    assert second.messages[2]["content"] == bad and "could not be used" in second.messages[3]["content"]
    assert first.sha256 != second.sha256 and bench.notes[0].startswith("warning: 1 of 1 votes")


def test_the_second_reply_counts_when_it_is_in_form() -> None:
    bench = Bench(lambda who, r: reply(8) if len(r.messages) > 2 else "ten out of ten")
    (verdict,) = Judge().check([row("r", answer="quality 8")], OPTIONS(), bench)
    assert verdict.ok and verdict.score == 8


def test_several_judges_vary_less_than_one() -> None:
    """Each vote is the quality with noise; the mean of eight has about an eighth of the variance."""

    def noisy(who: str, r: Request) -> str:
        draw = random.Random(r.sha256 + who)
        return reply(min(10, max(1, quality(r) + draw.gauss(0, 1.0))))

    rows = [row(f"r{n}", f"question {n}", f"quality {3 + n % 5}") for n in range(80)]
    one = Judge().check(rows, OPTIONS(judges=["a"]), Bench(noisy))
    many = Judge().check(rows, OPTIONS(judges=["a", "b"], votes=4, temperature=1.0), bench := Bench(noisy))

    def spread(verdicts: list) -> float:
        off = [(v.score or 0) - (3 + n % 5) for n, v in enumerate(verdicts)]
        return sum(x * x for x in off) / len(off)

    assert spread(many) < spread(one) / 3
    assert len(bench.asked) == 80 * 8
    single, mean = (float(x) for x in re.findall(r"(?:variance of|mean has) ([\d.]+\d)", bench.notes[0]))
    assert mean == pytest.approx(single / 8, rel=0.01)


def test_human_votes_set_a_kind_judge_right() -> None:
    bench = Bench(lambda who, r: reply(min(10, 5 + quality(r) / 2)))
    rows = [row(f"r{n}", f"q{n}", f"quality {1 + n % 9}", vote=1 + n % 9) for n in range(27)]
    rows += [row("new", "q", "quality 2")]
    plain = Judge().check(rows, OPTIONS(least=6), bench)
    fitted = Judge().check(rows, OPTIONS(least=6, calibrate="affine"), bench)
    assert plain[-1].ok and not fitted[-1].ok and fitted[-1].score == pytest.approx(2, abs=0.05)
    assert any("27 human votes" in n and "before" in n for n in bench.notes)


def test_calibration_without_votes_is_refused() -> None:
    with pytest.raises(DataRefused, match="0 of 1 rows have a human vote"):
        Judge().check([row("r", answer="quality 5")], OPTIONS(calibrate="isotonic"), Bench(lambda w, r: reply(5)))


def test_options_that_cannot_work_are_refused() -> None:
    for wrong in ({"low": 5, "high": 5}, {"least": 11}, {"votes": 3}):
        with pytest.raises(ValidationError):
            OPTIONS(**wrong)


def test_the_right_answer_is_shown_where_asked_for() -> None:
    bench = Bench(lambda who, r: reply(5))
    Judge().check([row("r", "2+2?", "quality 4", gold="the gold one")], OPTIONS(reference=True), bench)
    Judge().check([row("r", "2+2?", "quality 4", gold="the gold one")], OPTIONS(), bench)
    shown = ["the gold one" in r.messages[1]["content"] for _, r in bench.asked]
    assert shown == [True, False]
