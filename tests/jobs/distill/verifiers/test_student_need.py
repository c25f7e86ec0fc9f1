"""What the student often gets wrong, and what helps it in context."""

from __future__ import annotations

import pytest

from jobs.distill.errors import DataRefused
from jobs.distill.verifiers.student_need import InContextGain, PassRate
from tests.jobs.distill.bench import Bench, row


def test_questions_the_student_can_do_are_dropped_with_their_rate() -> None:
    def says(who: str, request: object) -> str:
        n = int(request.messages[0]["content"])  # type: ignore[attr-defined]
        return f"It is {n if request.number < n else -1}"  # type: ignore[attr-defined]

    rows = [row(f"r{n}", str(n), "written", gold=str(n)) for n in range(5)] + [row("open", "9", "x")]
    bench = Bench(says)
    verdicts = PassRate().check(rows, PassRate.Options(samples=4, below=0.5), bench)
    assert [v.score for v in verdicts] == [0, 0.25, 0.5, 0.75, 1, None]
    assert [v.ok for v in verdicts] == [True, True, False, False, False, False]
    assert {who for who, _ in bench.asked} == {"student"} and len(bench.asked) == 20


def test_an_example_that_helps_other_questions_scores_higher_and_never_meets_its_own() -> None:
    def reads(who: str, r: object) -> tuple[float, int]:
        turns = r.messages  # type: ignore[attr-defined]
        if len(turns) == 1:
            return (2.0, 1)
        assert turns[0]["content"] != turns[-1]["content"], "a probe of the text's own question"
        return (1.0 if "clear" in turns[1]["content"] else 2.5, 1)

    rows = [row(f"{q}{k}", f"question {q}", text, by="teacher", parent=f"p{q}", gold=f"gold {q}") for q in range(3) for k, text in enumerate(("clear steps", "muddle"))]  # fmt: skip
    verdicts = InContextGain().check(rows, InContextGain.Options(probes=2), Bench(reads=reads))
    assert [v.score for v in verdicts] == [pytest.approx(x) for x in (1, -0.5) * 3]


def test_one_question_cannot_be_probed() -> None:
    with pytest.raises(DataRefused, match="1 of these rows' questions has one"):
        InContextGain().check([row("a", "q", "x", gold="g")], InContextGain.Options(), Bench())
