"""The report of a succeeded distillation as the page shows it: numbers, sentences and the geometry of its graphics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jobs.distill.catalog.tables import KINDS
from workbench.home import units

from . import words

ROLES = {"teacher": "Teacher", "student": "Student", "control": "Control", "base": "Base"}
MEANING = {
    "teacher": "the large model",
    "student": "the base with the distilled adapter",
    "control": "the base, fine-tuned on the labelled rows",
    "base": "the student before",
}


@dataclass
class Bar:
    """One arm on the scale; x, left and right are shares of the width in percent (0 to 100)."""

    role: str
    title: str
    meaning: str
    text: str
    interval: str
    n: int
    x: float
    left: float
    right: float

    @property
    def width(self) -> float:
        return round(self.right - self.left, 2)


@dataclass
class Report:
    """What the templates need; every text is final."""

    gap: str
    gap_interval: str
    gap_share: float
    gap_low: float
    gap_high: float
    control_share: float | None
    headline: str
    sentence: str
    margin: str
    margin_is_noise: bool
    margin_words: str
    bars: list[Bar]
    metric: str
    slices: list[dict[str, Any]] = field(default_factory=list)
    phases: list[dict[str, Any]] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    won: list[dict[str, Any]] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)  # of a classifier or tagger
    labels: list[dict[str, Any]] = field(default_factory=list)
    way: str = ""  # how the student answers, where it is not by its adapter alone
    paths: list[tuple[str, str]] = field(default_factory=list)  # that way, then each single path: name, score
    path_facts: list[tuple[str, str]] = field(default_factory=list)


def build(report: dict[str, Any] | None) -> Report | None:
    """None where a run has no scores to report."""
    if not report or not (report.get("scores") or {}).get("student"):
        return None
    scores, metric = report["scores"], report.get("metric")
    gap, control_gap, margin = (
        report.get(k) or {} for k in ("gap_closed", "control_gap_closed", "student_minus_control")
    )
    noise, margin_words = _margin(margin, metric)
    return Report(
        gap=words.ratio(gap.get("value")),
        gap_interval=words.ratio_interval(gap),
        gap_share=_share(gap.get("value")),
        gap_low=_share(gap.get("low")),
        gap_high=_share(gap.get("high")),
        control_share=_share(control_gap["value"]) if control_gap.get("value") is not None else None,
        headline=_headline(gap),
        sentence=_sentence(scores, gap, control_gap, metric),
        margin=_signed(margin.get("value"), metric),
        margin_is_noise=noise,
        margin_words=margin_words,
        bars=bars(scores, metric),
        metric=words.metric_name(metric),
        slices=_slices(report.get("slices") or [], metric),
        phases=_phases(report.get("seconds") or {}),
        facts=_facts(report),
        won=_examples(report, "won"),
        lost=_examples(report, "lost"),
        sentences=list((report.get("labelling") or {}).get("words") or []),
        labels=_labels(report.get("labelling") or {}),
        **_paths(report, metric),
    )


def _paths(report: dict[str, Any], metric: str | None) -> dict[str, Any]:
    """The way of answering beside each single path; and of the levels of a tree of variants, how much is solved."""
    found, rates = report.get("together") or {}, report.get("solve_rate_by_depth") or {}
    out: dict[str, Any] = {"path_facts": [(n.capitalize(), f"{v:.4g}") for n, v in (found.get("facts") or {}).items()]}
    out["path_facts"] += [
        (f"Solved at depth {d}", f"{100 * r['rate']:.0f} % of {r['rows']:,}") for d, r in rates.items()
    ]
    if found:
        part = KINDS["decoding"].get(str(found.get("how")))
        out["way"] = part.title if part else str(found.get("how"))
        scores = {"Together": found["score"], **{n.capitalize(): v for n, v in (found.get("alone") or {}).items()}}
        out["paths"] = [(n, words.number(v, metric)) for n, v in scores.items()]
    return out


def _labels(part: dict[str, Any]) -> list[dict[str, Any]]:
    """The student's table by label, ready to be shown; weakest first."""
    table = ((part.get("arms") or {}).get("student") or {}).get("table") or []
    shown = sorted(table, key=lambda row: (row["f1"], row["label"]))
    return [{**row, **{k: f"{row[k]:.2f}" for k in ("precision", "recall", "f1")}} for row in shown]


def bars(scores: dict[str, Any], metric: str | None) -> list[Bar]:
    """The four arms from teacher to base on one scale that starts at 0."""
    present = {r: scores[r] for r in ROLES if scores.get(r) and scores[r].get("value") is not None}
    top = (
        1.0
        if words.is_percent(metric)
        else max((s.get("high") or s["value"] for s in present.values()), default=1) or 1
    )
    out = []
    for role, score in present.items():
        low, high = score.get("low", score["value"]), score.get("high", score["value"])
        out.append(
            Bar(
                role,
                ROLES[role],
                MEANING[role],
                words.number(score["value"], metric),
                words.interval(score, metric),
                score.get("n") or 0,
                _percent(score["value"], top),
                _percent(low, top),
                _percent(high, top),
            )
        )
    return out


def is_noise(margin: dict[str, Any] | None) -> bool:
    """True when zero lies inside the 95 % interval of a difference (or there is none)."""
    if not margin or margin.get("low") is None or margin.get("high") is None:
        return True
    return bool(margin["low"] <= 0 <= margin["high"])


def _percent(value: float, top: float) -> float:
    return round(100 * min(max(value / top, 0), 1), 2)


def _share(value: float | None) -> float:
    return round(100 * min(max(value or 0, 0), 1), 2)


def _signed(value: float | None, metric: str | None) -> str:
    if value is None:
        return "–"
    return f"{100 * value:+.1f} points" if words.is_percent(metric) else f"{value:+.3f}"


def _headline(gap: dict[str, Any]) -> str:
    value = gap.get("value")
    if value is None:
        return "Teacher and base score the same here, so there is no gap to close"
    if gap.get("low") is not None and gap["low"] <= 0 <= (gap.get("high") or 0):
        return "No measurable part of the gap between base and teacher was closed"
    if value < 0:
        return "The student moved away from the teacher"
    if value >= 1:
        return "The student is level with the teacher or better"
    return f"The student closed {value:.0%} of the gap between base and teacher".replace("%", " %")


def _scored(name: str, score: dict[str, Any] | None, metric: str | None) -> str:
    return f"{name} {words.number(score['value'], metric)} {words.interval(score, metric)}".rstrip() if score else ""


def _sentence(scores: dict[str, Any], gap: dict[str, Any], control_gap: dict[str, Any], metric: str | None) -> str:
    student, n = scores["student"], scores["student"].get("n") or 0
    verb = "answers" if words.is_percent(metric) else "scores"
    text = f"The student now {verb} {words.number(student['value'], metric)} {words.interval(student, metric)}"
    text += (
        f" of {n:,} held-out rows correctly"
        if words.is_percent(metric) and n
        else f" on {n:,} held-out rows"
        if n
        else ""
    )
    others = [_scored("base", scores.get("base"), metric), _scored("teacher", scores.get("teacher"), metric)]
    text += "; " + ", ".join(o for o in others if o) + "."
    if gap.get("value") is not None:
        text += f" That closes {gap['value']:.2f} {words.ratio_interval(gap)} of the gap."
    if scores.get("control"):
        text += f" Plain fine-tuning on the labelled rows reaches {_scored('', scores['control'], metric).strip()}"
        text += f", which closes {control_gap['value']:.2f}." if control_gap.get("value") is not None else "."
    return text


def _margin(margin: dict[str, Any], metric: str | None) -> tuple[bool, str]:
    if margin.get("value") is None:
        return True, ""
    between = words.interval(margin, metric)
    if is_noise(margin):
        return True, f"The interval {between} includes zero: on this many rows the difference to the control is noise."
    side = "above" if margin["value"] > 0 else "below"
    return False, f"The interval {between} lies wholly {side} zero: the difference to the control is more than noise."


def _slices(slices: list[dict[str, Any]], metric: str | None) -> list[dict[str, Any]]:
    rows = []
    for s in slices:
        row = {"label": s.get("label", ""), "n": s.get("n", 0)}
        for role in ROLES:
            value = s.get(role)
            row[role] = words.number(value.get("value") if isinstance(value, dict) else value, metric)
        rows.append(row)
    return rows


def _phases(spent: dict[str, float]) -> list[dict[str, Any]]:
    known = [k for k in words.PHASES if k in spent] + [k for k in spent if k not in words.PHASES and k != "total"]
    parts = [(k, spent[k]) for k in known if isinstance(spent[k], (int, float))]
    total = sum(v for _, v in parts) or 1
    return [
        {
            "title": words.PHASES.get(k, (k.capitalize(), ""))[0],
            "text": units.duration(v),
            "share": round(100 * v / total, 1),
        }
        for k, v in parts
    ]


def _facts(report: dict[str, Any]) -> list[tuple[str, str]]:
    rows, spent, out = report.get("rows") or {}, report.get("seconds") or {}, []
    for name in ("train", "labelled", "unlabelled", "heldout", "lost"):
        if rows.get(name) is not None:
            label = {
                "train": "Training rows",
                "labelled": "of which labelled",
                "unlabelled": "of which unlabelled",
                "heldout": "Held-out rows",
                "lost": "Rows left out",
            }[name]
            out.append((label, f"{rows[name]:,}"))
    if (agreement := report.get("agreement_with_teacher")) is not None:
        value = agreement.get("value") if isinstance(agreement, dict) else agreement
        out.append(("Same answer as the teacher", words.number(value)))
    if bias := report.get("option_bias"):
        far = {arm: bias["distance"].get(arm) for arm in ("base", "control", "student", "teacher")}
        told = ", ".join(f"{arm} {100 * d:.0f} %" for arm, d in far.items() if d is not None)
        out.append(("Options said too often or too seldom", told or "no option was named"))
    if spent:
        out.append(
            ("Time", units.duration(spent.get("total", sum(v for v in spent.values() if isinstance(v, (int, float))))))
        )
    if report.get("peak_memory_bytes"):
        out.append(("Peak memory", units.size(report["peak_memory_bytes"])))
    return out + _base_facts(report.get("student_base") or {})


def _base_facts(base: dict[str, Any]) -> list[tuple[str, str]]:
    """How the student's frozen base was loaded, where that was not as its files are."""
    out = [("Base in memory", "4 bits (NF4)")] if base.get("quantise") == "nf4" else []
    if window := base.get("window"):
        out.append(("Base reads", f"{window['after']:,} tokens, {window['before']:,} by its own files"))
    return out


def _examples(report: dict[str, Any], side: str) -> list[dict[str, Any]]:
    return ((report.get("examples") or {}).get(side) or [])[:20]
