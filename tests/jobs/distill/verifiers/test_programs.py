"""Programs: with planted faults none survives, and every row that is kept executes to the right answer."""

from __future__ import annotations

import random

import pytest

from jobs.distill.errors import PlanRefused
from jobs.distill.programs import sandbox
from jobs.distill.programs.safe import evaluate
from jobs.distill.programs.source import program_of
from jobs.distill.verifiers.programs import Calculations, ProgramResult, UnitTests

from .rows import Quiet, Written, check, oks, reason, row

isolated = pytest.mark.skipif(sandbox.unavailable() is not None, reason=sandbox.unavailable() or "")


def planted(count: int, share: float) -> tuple[list[Written], set[str]]:
    """Sums as programs, a share of them faulty in one of seven ways, and the ids of those."""
    rng = random.Random(5)
    rows, faulty = [], set()
    for i in range(count):
        a, b, c = rng.randint(2, 50), rng.randint(2, 50), rng.randint(2, 9)
        program = f"apples = {a}\npears = {b}\ntotal = apples + pears\nprint(total * {c})"
        if i % 10 < share * 10:
            faulty.add(f"p{i}")
            program = rng.choice(
                [
                    program.replace("+", "-"),
                    program.replace(f"= {a}", f"= {a + 1}"),
                    program.replace("print(total", "print(totl"),
                    program.replace("total * ", "total / 0 * "),
                    program.replace("print(", "print"),
                    "import os\n" + program,
                    "while True:\n    total = 1\n" + program,
                ]
            )
        text = f"Here is the program.\n```python\n{program}\n```" if i % 2 else program
        rows.append(row(text, question=f"{a} and {b}, {c} times?", id=f"p{i}", gold=f"It is #### {(a + b) * c:,}"))
    return rows, faulty


def test_of_programs_with_planted_faults_none_survives() -> None:
    rows, faulty = planted(200, 0.3)
    assert len(faulty) == 60
    verdicts = check(ProgramResult, rows)
    assert {r.row_id for r, v in zip(rows, verdicts, strict=True) if not v.ok} == faulty
    for r, v in zip(rows, verdicts, strict=True):
        if v.ok:
            assert f"{evaluate(program_of(r.answer or '')).value:,}" == r.fields["gold"].split()[-1]


@isolated
def test_isolated_python_and_the_evaluator_keep_the_same_rows() -> None:
    rows, faulty = planted(20, 0.3)
    # The one fault Python does not mind: importing a module that is then not used.
    unused = {r.row_id for r in rows if "import os" in (r.answer or "")}
    rows = [r for r in rows if "while True" not in (r.answer or "")]
    kept = {r.row_id for r, ok in zip(rows, oks(ProgramResult, rows, run="isolated"), strict=True) if ok}
    assert kept == {r.row_id for r in rows} - faulty | unused


def test_reasons_say_what_came_of_a_program() -> None:
    def why(answer: str, **options: object) -> str:
        return reason(ProgramResult, row(answer, gold="12"), **options)

    assert why("print(13)") == "says 13, right is 12"
    assert why("x = 1\nimport os") == "refused: line 2: import os is not allowed: only math may be imported"
    assert why("1 / 0") == "goes wrong: line 1: division by zero"
    assert why("while True:\n    x = 1") == "ended by a limit: line 2: the program takes more than 100,000 steps"
    assert why("```python\n```") == "there is no program"
    assert why("", program="code") == "there is no program"


def test_the_result_may_be_held_against_the_row_s_own_answer_or_nothing() -> None:
    one = row("It is 12 apples.", code="print(3 * 4)")
    assert oks(ProgramResult, [one], program="code", against="answer") == [True]
    assert oks(ProgramResult, [row("It is 13.", code="print(3 * 4)")], program="code", against="answer") == [False]
    assert oks(ProgramResult, [row("print(3 * 4)"), row("print('a')")], against="anything") == [True, False]


@isolated
def test_programs_pass_their_own_tests_or_go() -> None:
    good, bad = "def add(a, b):\n    return a + b", "def add(a, b):\n    return a - b"
    statements = ["assert add(1, 2) == 3", "assert add(2, 0) == 2"]
    module = "from solution import add\n\ndef test_one():\n    assert add(1, 2) == 3"
    rows = [
        row(good, tests=statements),
        row(f"```python\n{bad}\n```", tests=statements),
        row(good, tests=module),
        row(bad, tests=module),
        row(good, tests="def check(candidate):\n    assert candidate(1, 2) == 3", entry_point="add"),
        row("print(sum(map(int, input().split())))", tests=[{"input": "1 2\n", "output": "3"}, {"input": "4 5", "output": "9\n"}]),
        row("print(3)", tests=[{"input": "1 2\n", "output": "3"}, {"input": "4 5", "output": "9\n"}]),
        row("import os\nos._exit(0)", tests=statements),
        row(good),
        row("", tests=statements),
    ]  # fmt: skip
    verdicts = check(UnitTests, rows)
    assert [v.ok for v in verdicts] == [True, False, True, False, True, True, False, False, False, False]
    assert [v.score for v in verdicts][:2] == [1.0, 0.5]
    assert verdicts[1].reason == "goes wrong: test 1: AssertionError"
    assert verdicts[6].score == 0.5 and verdicts[6].reason == "input 2: prints “3”, right is “9”"
    assert oks(UnitTests, rows[1:2], least=0.5) == [True]


@pytest.mark.parametrize("part", [UnitTests, ProgramResult])
def test_where_nothing_can_be_isolated_verification_is_off_and_says_so(
    part: type[UnitTests | ProgramResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "unavailable", lambda: sandbox.OFF)
    options = part.Options(run="isolated") if part is ProgramResult else part.Options()
    with pytest.raises(PlanRefused, match="verification is off: this host cannot isolate programs") as e:
        part().check([row("print(1)", gold="1", tests=["assert 1"])], options, Quiet())
    assert e.value.code == "PROGRAMS_NOT_ISOLATED" and "bubblewrap" in str(e.value.hint)


def test_rows_with_a_calculation_that_does_not_hold_are_dropped() -> None:
    rows = [
        row("She sold <<48/2=24>>24 in May, <<48+24=72>>72 in all.\n#### 72"),
        row("She sold <<48/2=26>>26 in May."),
        row("48 / 2 = 26 in May."),
        row("No sums."),
    ]
    assert oks(Calculations, rows) == [True, False, True, True]
    assert oks(Calculations, rows, plain=True, least=1) == [True, False, False, False]
    assert reason(Calculations, rows[1]) == "“<<48/2=26>>”: it is 24"


def test_an_answer_that_is_right_by_luck_falls() -> None:
    rows = [row("12", rationale="10-8=2"), row("2", rationale="10-8=2"), row("none", rationale="10-8=2")]
    assert oks(Calculations, rows, plain=True) == [True, True, True]
    assert oks(Calculations, rows, plain=True, ends=True) == [False, True, False]
    assert reason(Calculations, rows[0], plain=True, ends=True) == "the last calculation gives 2, the answer says 12"
