"""`docs/methods-compared.md` from the finished arms of `compare_methods`. Every figure and verdict is computed here."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobs.distill.catalog import SYSTEMS

CONTROL = "sft"
# Two-sided 95 % points of Student's t by degrees of freedom: few seeds need wide intervals.
T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


@dataclass(frozen=True)
class Mean:
    """A mean over seeds and half the width of its 95 % interval; no interval from one seed alone."""

    value: float
    half: float | None

    def __str__(self) -> str:
        return f"{self.value:.3f}" if self.half is None else f"{self.value:.3f} ± {self.half:.3f}"


def mean_of(values: Sequence[float]) -> Mean:
    n = len(values)
    if n < 2:
        return Mean(values[0], None)
    return Mean(statistics.mean(values), T95.get(n - 1, 1.96) * statistics.stdev(values) / math.sqrt(n))


def against(arms: list[dict[str, Any]], method: str, other: str) -> Mean | None:
    """Gap closed by one method less that of another, seed by seed; None where they share no seed."""
    one, two = (by_seed(arms, name) for name in (method, other))
    shared = sorted(set(one) & set(two))
    return mean_of([one[s] - two[s] for s in shared]) if shared else None


def by_seed(arms: list[dict[str, Any]], method: str) -> dict[int, float]:
    return {a["seed"]: a["gap_closed"]["value"] for a in arms if a["method"] == method}


def ranking(arms: list[dict[str, Any]]) -> list[tuple[str, Mean]]:
    """Methods by mean gap closed, the largest first."""
    methods = dict.fromkeys(a["method"] for a in arms)
    means = [(m, mean_of(list(by_seed(arms, m).values()))) for m in methods]
    return sorted(means, key=lambda pair: -pair[1].value)


def document(results: dict[str, Any]) -> str:
    """The whole page in Markdown."""
    arms = results["arms"]
    return "\n".join([*_head(results), *_table(arms), *_learnt(arms), *_reading(arms)])


def _head(results: dict[str, Any]) -> list[str]:
    arms, train = results["arms"], results["train"]
    rows, scores = arms[0]["rows"], arms[0]["scores"]
    methods, seeds = {a["method"] for a in arms}, {a["seed"] for a in arms}
    return [
        "# Methods compared on the sample pair",
        "",
        f"{len(methods)} methods, {len(seeds)} seeds, {results['steps']} optimizer steps of {train['batch_size']} rows, the same LoRA "
        f"(rank {results['adapter']['rank']}), learning rate ({train['learning_rate']:g}) and schedule for all, each with the options "
        f"that the catalogue starts from. Data: {rows['labelled']:,} labelled and {rows['unlabelled']:,} unlabelled questions of "
        f"Banking77; scores: exact match on {rows['heldout']:,} held-out ones. The untrained student scores "
        f"{scores['base']['value']:.3f}, the teacher {scores['teacher']['value']:.3f}. Gap closed is (student - base) / (teacher - base).",
        "",
        f"This page is written by `python -m benchmarks.compare_methods --steps {results['steps']}`, which trains the arms that "
        "[methods.json](../benchmarks/results/methods.json) does not hold yet.",
        "",
    ]


def _table(arms: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| method | gap closed | over plain fine-tuning | student's score | one run's interval over rows | agrees with teacher | training, s |",
        "|---|---|---|---|---|---|---|",
    ]
    for method, gap in ranking(arms):
        own = [a for a in arms if a["method"] == method]
        score = mean_of([a["scores"]["student"]["value"] for a in own])
        rows = statistics.mean((a["gap_closed"]["high"] - a["gap_closed"]["low"]) / 2 for a in own)
        agrees = statistics.mean(a["agreement_with_teacher"] for a in own)
        seconds = statistics.mean(a["train_seconds"] for a in own)
        over = "the control" if method == CONTROL else against(arms, method, CONTROL) or "-"
        lines.append(f"| {title(method)} | {gap} | {over} | {score} | ± {rows:.3f} | {agrees:.3f} | {seconds:.0f} |")
    return [*lines, ""]


def title(method: str) -> str:
    return f"{SYSTEMS[method].title} (`{method}`)"


def _learnt(arms: list[dict[str, Any]]) -> list[str]:
    """Findings, each with the numbers it rests on; what the seeds do not settle is said to be open."""
    order = ranking(arms)
    best = order[0][0]
    alike = [m for m, _ in order[1:] if not _apart(against(arms, best, m))]
    lines = ["## What was learnt", ""]
    lines.append(
        f"- {title(best)} closes most of the gap here ({order[0][1]})."
        + (
            f" These seeds do not tell it apart from {_names(alike)}."
            if alike
            else " Every other method is clearly behind it."
        )
    )
    if CONTROL in dict(order):
        lines += _about_control(arms, [m for m, _ in order if m != CONTROL])
    pairs = (
        ("llm-neo", "seqkd", "The teacher's distribution against its text alone"),
        ("distillm-skew", "distillm-skew-reverse", "Covering the teacher (forward) against seeking its modes (reverse)"),
        ("word-kd", "llm-neo", "Temperature 2 against temperature 1, forward KL next to cross-entropy in both"),
        ("label-mix", "llm-neo", "One mixed target against two added losses"),
        ("taid", "distillm-skew", "A target that moves to the teacher against the teacher itself from the start"),
        ("dkd", "llm-neo", "Weights of their own for the answer and the rest against plain forward KL"),
    )  # fmt: skip
    lines += [_about_pair(arms, *pair) for pair in pairs if against(arms, pair[0], pair[1])]
    return [*lines, ""]


def _about_control(arms: list[dict[str, Any]], methods: list[str]) -> list[str]:
    over = {m: against(arms, m, CONTROL) for m in methods}
    above = [m for m in methods if (d := over[m]) and _apart(d) and d.value > 0]
    below = [m for m in methods if (d := over[m]) and _apart(d) and d.value < 0]
    open_ = [m for m in methods if m not in above and m not in below]
    said = (("Clearly above", above), ("Clearly below", below), ("Not told apart from", open_))
    return [f"- {words} plain fine-tuning of the labelled rows: {_names(found)}." for words, found in said if found]


def _about_pair(arms: list[dict[str, Any]], one: str, two: str, what: str) -> str:
    found = against(arms, one, two)
    assert found is not None
    verdict = f"`{one if found.value > 0 else two}` is ahead" if _apart(found) else "not settled by these seeds"
    return f"- {what} (`{one}` less `{two}`): {found}; {verdict}."


def _apart(difference: Mean | None) -> bool:
    return difference is not None and difference.half is not None and abs(difference.value) > difference.half


def _names(methods: Sequence[str]) -> str:
    return ", ".join(f"`{m}`" for m in methods)


def _reading(arms: list[dict[str, Any]]) -> list[str]:
    return [
        "## How to read this",
        "",
        "- ± is the 95 % interval of a mean over seeds (Student's t), which tells how much of a difference is luck of the seed. Differences "
        "are taken seed by seed. The interval over rows says how far another set of questions could move a single run; all methods answer "
        "the same rows, so it moves them together.",
        "- Each method has its catalogue defaults and all share one learning rate. A tuned method may do better than its place here: read "
        "the table as a first choice for this kind of task (short labels, few gold answers, many unlabelled questions), not as a verdict.",
        "- Plain fine-tuning sees the labelled rows only; the others also see the unlabelled ones, answered by the teacher. Steps and rows of a "
        "step are equal, so it passes over its rows more often.",
        "- Few steps favour few rows: 120 steps of 32 rows are five passes over the labelled rows and less than one over all of them. The "
        "sample run (`make demo`) trains six passes over all rows; there LLM-Neo's student is far above its control at equal steps.",
        "- Seconds are of training alone, on one thread of a shared machine. Recorded teacher signals (64 tokens a position) serve all that can "
        "read them; `dkd` reads the whole distribution, so its teacher runs beside it.",
        "- Comparisons of many pairs at 95 % will now and then find a difference that is none.",
        "",
    ]  # fmt: skip
