"""Programs that come to the right result, pass their tests, and calculations that hold."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field

from ..errors import PlanRefused
from ..parts import Options, Paper
from ..programs import sandbox
from ..programs.calculations import calculations, result_of
from ..programs.outcome import Outcome
from ..programs.safe import evaluate
from ..programs.source import program_of
from .base import NO_GOLD, Bench, EachRow, Row, Verdict, Verifier, gold_of, need_gold, shown, written
from .numbers import last_number
from .numeric import NumericOptions, compared, number_of, values
from .where import BOTH, Where, text_of

FIELD = r"^[A-Za-z0-9_-]*$"


class ProgramOptions(NumericOptions):
    run: Literal["safe", "isolated"] = Field(
        "safe",
        title="Run by",
        description="safe: our evaluator of sums, which runs no Python. isolated: Python in bubblewrap, where this machine can; nothing is run where it cannot.",
    )
    against: Literal["gold", "answer", "anything"] = Field(
        "gold",
        title="The result must be",
        description="gold: the right answer's number. answer: the number of the row's own answer. anything: a number.",
    )
    program: str = Field(
        "",
        max_length=60,
        pattern=FIELD,
        title="Program in",
        description="Name of the field with the program; empty: the answer.",
    )


class ProgramResult(Verifier):
    id = "program"
    title = "Program gives the right result"
    summary = "Computes the program of each row again and keeps those whose result is the right number."
    when_to_use = "Answers that are programs. Of wrong programs none stays but those that are right by accident."
    formula = r"\mathbb{1}\left[\left|\mathrm{run}(c) - v(y^{*})\right| \le \max(a,\, r\,|v(y^{*})|)\right]"
    paper = Paper(
        title="PaD: Program-aided Distillation Can Teach Small Models Reasoning Better than Chain-of-thought Fine-tuning",
        authors="Zhu, Qi, Zhang, Long, Lin, Zhou", year=2024, venue="NAACL", url="https://arxiv.org/abs/2305.13888",
        arxiv="2305.13888",
    )  # fmt: skip
    Options = ProgramOptions

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        if options.against == "gold":
            need_gold(rows, self.title)
        programs = [program_of(_source(row, options.program)) for row in rows]
        outcomes = _isolated(programs, self.title) if options.run == "isolated" else [evaluate(p) for p in programs]
        return [self._one(*found, options) for found in zip(rows, programs, outcomes, strict=True)]

    def _one(self, row: Row, program: str, outcome: Outcome, options: ProgramOptions) -> Verdict:
        if not program:
            return Verdict(False, "there is no program")
        if not outcome.ok:
            return Verdict(False, f"{WORDS[outcome.kind]}: {outcome.why}")
        if options.run == "isolated":
            printed = last_number(outcome.output)
            result = printed.value if printed else None
        else:
            result = Fraction(outcome.value) if outcome.value is not None else None
        if result is None:
            return Verdict(False, "the program prints no number")
        if options.against == "anything":
            return Verdict(True)
        right = gold_of(row) if options.against == "gold" else written(row)
        if right is None:
            return NO_GOLD
        number = number_of(right, options.take, options.decimals)
        if number is None:
            return Verdict(False, f"there is no number in {shown(right)} to compare with")
        return compared([result], values(number, options.percent), options)


WORDS = {"refused": "refused", "failed": "goes wrong", "limit": "ended by a limit"}


def _source(row: Row, field: str) -> str:
    return str(row.fields.get(field) or "") if field else written(row)


def _isolated(programs: Sequence[str], title: str) -> list[Outcome]:
    _need_isolation(title)
    with ThreadPoolExecutor(WORKERS) as pool:
        return [ran.outcome for ran in pool.map(sandbox.run, programs)]


WORKERS = max(1, min(4, os.cpu_count() or 1))  # each may take half a gigabyte


def _need_isolation(title: str) -> None:
    """Raises PlanRefused where programs cannot be isolated: closed, never open."""
    if (why := sandbox.unavailable()) is not None:
        raise PlanRefused(
            f"“{title}” was not run: {why}.",
            field="verify",
            hint="Install bubblewrap 0.8 or newer on the worker and allow user namespaces there, or check sums by the safe evaluator.",
            code="PROGRAMS_NOT_ISOLATED",
        )


class TestOptions(Options):
    tests: str = Field(
        "tests",
        min_length=1,
        max_length=60,
        pattern=FIELD,
        title="Tests in",
        description="Name of the field with the tests: statements, a module of test functions, check(candidate), or a list of inputs and outputs.",
    )
    program: str = Field(
        "",
        max_length=60,
        pattern=FIELD,
        title="Program in",
        description="Name of the field with the program; empty: the answer.",
    )
    entry: str = Field(
        "entry_point",
        max_length=60,
        pattern=FIELD,
        title="Function in",
        description="Name of the field that names the function check(candidate) is given.",
    )
    least: float = Field(1.0, gt=0, le=1, title="Tests passed", description="Share of the tests that must pass.")
    seconds: int = Field(
        5, ge=1, le=60, title="Time", description="Seconds of the processor a program may take; twice as long in all."
    )


class UnitTests(Verifier):
    id = "unit-tests"
    title = "Passes its tests"
    summary = "Runs the program of each row with the row's own tests, isolated, and keeps those that pass."
    when_to_use = "Code. The share of passed tests is the score; a teacher's solution that fails its own tests goes."
    formula = r"\frac{1}{|T|}\sum_{t \in T} \mathbb{1}[t(c)] \ge \tau"
    paper = Paper(
        title="KodCode: A Diverse, Challenging, and Verifiable Synthetic Dataset for Coding",
        authors="Xu, Liu, Yin, Zhou, Poovendran", year=2025, url="https://arxiv.org/abs/2503.02951", arxiv="2503.02951",
    )  # fmt: skip
    Options = TestOptions

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        _need_isolation(self.title)
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(lambda row: self._one(row, options), rows))

    def _one(self, row: Row, options: TestOptions) -> Verdict:
        program, tests = program_of(_source(row, options.program)), row.fields.get(options.tests)
        if not program:
            return Verdict(False, "there is no program", 0.0)
        if not tests:
            return Verdict(False, f"the row brings no tests in {options.tests!r}", 0.0)
        limits = {"cpu": options.seconds, "wall": 2.0 * options.seconds}
        if isinstance(tests, list) and all(isinstance(t, Mapping) for t in tests):
            return _cases(program, tests, options, limits)
        if not isinstance(tests, str):
            tests = [str(t) for t in tests] if isinstance(tests, list | tuple) else str(tests)
        ran = sandbox.run(program, tests, str(row.fields.get(options.entry) or ""), **limits)  # type: ignore[arg-type]
        count = len(tests) if isinstance(tests, list) else len(ran.tests)
        share = sum(t.passed for t in ran.tests) / count if count else 0.0
        if count and share >= options.least and (ran.outcome.ok or len(ran.tests) == count):
            return Verdict(True, f"{sum(t.passed for t in ran.tests)} of {count} tests pass", share)
        return Verdict(False, f"{WORDS.get(ran.outcome.kind, 'fails')}: {ran.outcome.why}", share)


CASES = 20  # inputs of one program: each starts it anew


def _cases(
    program: str, tests: Sequence[Mapping[str, Any]], options: TestOptions, limits: Mapping[str, Any]
) -> Verdict:
    """Programs that read standard input: each output must be the one wanted, white space at line ends aside."""
    passed, first = 0, ""
    looked = tests[:CASES]
    for number, test in enumerate(looked, 1):
        ran = sandbox.run(program, input=str(test.get("input", "")), **limits)
        said, wanted = _lines(ran.outcome.output), _lines(str(test.get("output", "")))
        if ran.outcome.ok and said == wanted:
            passed += 1
        elif not first:
            why = ran.outcome.why or f"prints {shown(' '.join(said))}, right is {shown(' '.join(wanted))}"
            first = f"input {number}: {why}"
    share = passed / len(looked)
    if share >= options.least:
        return Verdict(True, f"{passed} of {len(looked)} inputs give the right output", share)
    return Verdict(False, first, share)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


class CalculationOptions(Options):
    plain: bool = Field(
        False, title="Plain ones too", description="Also check 48 / 2 = 24 in the text, not only <<48/2=24>>."
    )
    least: int = Field(0, ge=0, le=100, title="At least", description="Calculations a text must have.")
    where: Where = BOTH
    ends: bool = Field(
        False,
        title="The answer is the last result",
        description="A row falls too when its answer is another number than its last calculation gives: right by luck.",
    )


class Calculations(EachRow):
    id = "calculations"
    title = "Calculations hold"
    summary = (
        "Computes each calculation in the text again, such as <<48/2=24>>, and drops rows with one that does not hold."
    )
    when_to_use = "Reasoning with sums: a right answer behind a wrong step teaches the step."
    formula = r"\bigwedge_{(e, v) \in y} \left|\mathrm{eval}(e) - v\right| \le \varepsilon(v)"
    paper = Paper(
        title="Training Verifiers to Solve Math Word Problems", authors="Cobbe, Kosaraju, Bavarian et al.", year=2021,
        url="https://arxiv.org/abs/2110.14168", arxiv="2110.14168",
    )  # fmt: skip
    Options = CalculationOptions

    def one(self, row: Row, options: CalculationOptions) -> Verdict:
        found = list(calculations(text_of(row, options.where), options.plain))
        wrong = [c for c in found if c.wrong]
        share = 1 - len(wrong) / len(found) if found else 1.0
        if wrong:
            return Verdict(False, f"{shown(wrong[0].text)}: {wrong[0].wrong}", share)
        if len(found) < options.least:
            return Verdict(False, f"{len(found)} calculations, at least {options.least} are wanted", share)
        if options.ends and found:
            said, last = last_number(written(row)), result_of(found[-1])
            if said is None or said.value != last:
                what = said.text if said else "no number"
                return Verdict(False, f"the last calculation gives {last}, the answer says {what}", share)
        return Verdict(True, f"{len(found)} calculations hold" if found else "", share)
