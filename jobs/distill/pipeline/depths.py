"""How much of each level of a tree of variants the student solves: the problems themselves are level 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .graded import graded

if TYPE_CHECKING:
    from ..work import Work

MOST = 500  # rows of a level that are asked


def solve_rates(work: Work) -> dict[str, Any]:
    """{"solve_rate_by_depth": {depth: {rate, rows}}} of the rows as they are; empty where no row has a depth."""
    levels: dict[int, list[Any]] = {}
    for row in work.train_rows:
        if row.fields.get("depth"):
            levels.setdefault(int(row.fields["depth"]), []).append(row)
    if not levels:
        return {}
    levels[0] = [r for r in work.data_rows if r.labelled]
    out = {}
    for depth in sorted(levels):
        found = graded(work, levels[depth][:MOST])
        out[str(depth)] = (
            {"rate": round(sum(g.right for g in found) / len(found), 4), "rows": len(found)} if found else {}
        )
    return {"solve_rate_by_depth": {d: v for d, v in out.items() if v}}
