"""What the numbers of a labelling run mean, in sentences that say how sure they are."""

from __future__ import annotations

from typing import Any


def sentences(report: dict[str, Any]) -> list[str]:
    """Score, base, control, gap, the weakest labels, what was lost: one sentence each, each with its interval or count."""
    part, scores = report["labelling"], report["scores"]
    tag = part["task"] == "tag"
    n = report["rows"]["heldout"]
    student, base = scores["student"], scores["base"]
    what = "finds spans with a strict F1 of" if tag else "names the right label for"
    out = [
        f"The student {what} {_number(student)} {'on' if tag else 'of'} {n:,} held-out rows, which it was not trained on.",
        f"A head that has learnt nothing ({part['base']}) gets {_share(base['value'])}: {_against(student, base)}.",
    ]
    difference = report["student_minus_control"]
    if difference["value"] is not None:
        out.append(_control(difference))
    gap = report["gap_closed"]
    if gap["value"] is not None and gap.get("low") is not None:
        out.append(
            f"It closes {gap['value']:.0%} of the gap between that and the teacher ({gap['low']:.0%} to {gap['high']:.0%})."
        )
    macro = part["arms"]["student"].get("macro_f1")
    if macro:
        out.append(
            f"Macro F1, in which rare labels count as much as common ones, is {_share(macro['value'])} "
            f"({_share(macro['low'])} to {_share(macro['high'])})."
        )
    out += _weakest(part["arms"]["student"]["table"], tag)
    if part["labels_never_learnt"]:
        names = ", ".join(part["labels_never_learnt"][:5])
        out.append(
            f"{len(part['labels_never_learnt'])} held-out labels are not in the list and count as wrong: {names}."
        )
    if part["lost_spans"]:
        out.append(
            f"{part['lost_spans']:,} spans of the training rows could not be put onto tokens and were not learnt."
        )
    if part["unmatched_answers"]:
        out.append(
            f"{part['unmatched_answers']:,} answers named none of the labels and were not learnt as hard labels."
        )
    return out


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _number(score: dict[str, Any]) -> str:
    return f"{_share(score['value'])} ({_share(score['low'])} to {_share(score['high'])})"


def _against(student: dict[str, Any], base: dict[str, Any]) -> str:
    if student["low"] > base["high"]:
        return "the student is clearly better"
    if student["high"] < base["low"]:
        return "the student is worse, so it learnt something else than these labels"
    return "with so few rows nobody can tell whether the student is better"


def _control(difference: dict[str, Any]) -> str:
    d, low, high = (100 * difference[k] for k in ("value", "low", "high"))
    span = f"{d:+.1f} points against plain training on the gold labels ({low:+.1f} to {high:+.1f})"
    if low > 0:
        return f"Learning from the teacher helped: {span}."
    if high < 0:
        return f"Learning from the teacher did harm: {span}."
    return f"Whether the teacher helped cannot be told: {span}, and 0 lies inside."


def _weakest(table: list[dict[str, Any]], tag: bool) -> list[str]:
    known = [row for row in table if row["n"]]
    if len(known) < 2:
        return []
    worst = sorted(known, key=lambda row: (row["f1"], row["label"]))[:3]
    named = ", ".join(f"{row['label']} ({row['f1']:.2f} over {row['n']} {'spans' if tag else 'rows'})" for row in worst)
    return [f"Weakest by F1: {named}."]
