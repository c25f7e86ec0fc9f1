"""Shapes for the pages' small charts: numbers only, drawn by templates as SVG and repeated as a table."""

from __future__ import annotations

from typing import Any

WIDTH, HEIGHT, GAP = 480, 120, 1


def bars(histogram: list[list[int]]) -> dict[str, Any]:
    """Bars of [[from, to, rows]] in a box of 480 x 120: {bars: [{x, y, w, h, from, to, rows}], rows, longest, width, height}."""
    if not histogram:
        return {}
    top, step = max(n for _, _, n in histogram) or 1, WIDTH / len(histogram)
    shapes = []
    for i, (start, end, n) in enumerate(histogram):
        h = max(1.5, HEIGHT * n / top) if n else 0
        shapes.append(
            {
                "x": round(i * step, 1),
                "y": round(HEIGHT - h, 1),
                "w": round(step - GAP, 1),
                "h": round(h, 1),
                "from": start,
                "to": end - 1,
                "rows": n,
            }
        )
    return {
        "bars": shapes,
        "rows": sum(n for _, _, n in histogram),
        "longest": histogram[-1][1] - 1,
        "width": WIDTH,
        "height": HEIGHT,
        "top": top,
    }


def labels(found: list[list[Any]], total: int) -> list[dict[str, Any]]:
    """Rows of the label table: {label, rows, share, width}; width relative to the commonest."""
    top = max((n for _, n in found), default=1)
    return [{"label": label, "rows": n, "share": n / total if total else 0, "width": n / top} for label, n in found]


def lengths(profile: dict[str, Any] | None) -> list[dict[str, Any]]:
    """One chart of row lengths per tokenizer, in characters when no tokenizer was measured."""
    if not profile:
        return []
    out = [
        {
            "key": key,
            "title": m["title"],
            "unit": "tokens",
            "chart": bars(m["histogram"]),
            "quantiles": m["total"],
            "context": m["context"],
            "over": m["over_context"],
            "nothing": m["nothing_left"],
            "control": m["control_text_rows"],
            "measured": m.get("measured"),
            "answer": m.get("answer"),
            "run": m.get("run"),
        }
        for key, m in profile.get("tokens", {}).items()
    ]
    if out:
        return out
    text = profile.get("characters", {})
    return [
        {
            "title": f"{side.capitalize()}s",
            "unit": "characters",
            "chart": bars(text.get(f"{side}_histogram", [])),
            "quantiles": text.get(side, {}),
        }
        for side in ("prompt", "answer")
        if text.get(side)
    ]
