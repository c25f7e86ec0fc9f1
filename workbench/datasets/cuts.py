"""What a longest row costs, for one tokenizer: read off the profile, so that it answers at once and without a model."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from . import charts

LEAST, MOST = 8, 1_000_000  # what a recipe takes


def cut_at(measured: Mapping[str, Any], wanted: int | None = None) -> dict[str, Any] | None:
    """{cut, over, over_tokens, alone, alone_tokens, rows, share, exact, answer_tokens}; None where costs were not measured.

    `wanted` None: the model's context, or the longest row. With costs known only at some lengths the next lower one
    is taken, and `cut` says which.
    """
    costs = measured.get("costs") or {}
    steps = costs.get("steps") or []
    if not steps:
        return None
    longest = measured["total"]["longest"]
    cut = min(max(wanted or min(measured.get("context") or longest, max(longest, LEAST)), LEAST), MOST)
    at = max(0, bisect_right(steps, [cut, float("inf")]) - 1)
    step = steps[at]
    rows = measured.get("measured") or sum(n for _, _, n in measured["histogram"])
    return {
        "cut": cut if costs["exact"] or at == len(steps) - 1 else step[0],
        "over": step[1],
        "over_tokens": step[2],
        "alone": step[3],
        "alone_tokens": step[4],
        "rows": rows,
        "share": step[1] / rows if rows else 0,
        "answer_tokens": measured.get("answer_tokens", 0),
        "exact": costs["exact"],
    }


def slider(measured: Mapping[str, Any]) -> dict[str, int]:
    """{least, most, longest} of the slider: as wide as the histogram, whose last bar gathers the longest rows."""
    bins = measured["histogram"]
    edge = bins[-1][0] + (bins[0][1] - bins[0][0])
    return {"least": LEAST, "most": max(edge, LEAST + 1), "longest": measured["total"]["longest"]}


def charts_with_cuts(profile: dict[str, Any], asked: Mapping[str, str]) -> list[dict[str, Any]]:
    """The charts of a profile; those of tokenizers with the cut that the address asks for, else the model's context."""
    out = charts.lengths(profile)
    for chart in out:
        measured = (profile.get("tokens") or {}).get(chart.get("key", "")) or {}
        wanted = asked.get("cut", "") if asked.get("tokenizer") == chart.get("key") else ""
        found = cut_at(measured, int(wanted) if wanted.isdecimal() and len(wanted) < 10 else None)
        if found:
            width = slider(measured)
            x = round(charts.WIDTH * min(1.0, found["cut"] / width["most"]), 1)
            found |= {"x": x, "rest": round(charts.WIDTH - x, 1)}
            chart |= {"cut": found, "slider": width, "costs": measured["costs"], "json_id": f"costs-{chart['key']}"}
    return out
