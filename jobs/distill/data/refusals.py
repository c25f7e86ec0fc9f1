"""Rows that are not imported, told in at most three problems: wrong ones, unanswered ones, and ones of a kind not supported."""

from __future__ import annotations

from collections import Counter

from .findings import BadRow, Findings, Problem
from .limits import count


class Refused:
    """Refused rows by code: how many, and the first lines. All of them would not fit into memory in a bad file."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.lines: dict[str, list[int]] = {}

    def see(self, row: BadRow) -> None:
        self.counts[row.code] += 1
        lines = self.lines.setdefault(row.code, [])
        if len(lines) < 5:
            lines.append(row.line)


def bad_rows(found: Findings, refused: Refused, rows: int, read: int) -> list[Problem]:
    """One problem for rows that are not supported (seen and left out), one for rows that are wrong (skipped only on choice)."""
    out, wrong = [], sum(n for k, n in refused.counts.items() if k not in ("unsupported_rows", "open_ended"))
    if rows == 0 and read:
        first = found.refused[0]
        if set(refused.counts) == {"open_ended"}:
            return [
                Problem(
                    "open_ended",
                    "choose",
                    f"None of {count(read, 'conversation')} has an answer at its end.",
                    "",
                    "Import them as prompts for a teacher to answer",
                    count=read,
                )
            ]
        where = first.place + (f", {first.column}" if first.column else "")
        return [
            Problem(
                "no_usable_rows",
                "refuse",
                f"No usable row: {read:,} read, {read:,} refused. First: {where}: {first.reason}.",
                first.remedy,
                line=first.line,
                count=read,
            )
        ]
    if wrong:
        bad = [r for r in found.refused if r.code not in ("unsupported_rows", "open_ended")]
        listed = "; ".join(f"{r.place}{f' ({r.column})' if r.column else ''}: {r.reason}" for r in bad[:3])
        out.append(
            Problem(
                "bad_rows",
                "choose",
                f"{count(wrong, 'row')} of {read:,} cannot be imported. {listed}{' ...' if wrong > 3 else ''}",
                bad[0].remedy,
                f"Skip {count(wrong, 'bad row')} and import {count(rows, 'row')}",
                line=bad[0].line,
                count=wrong,
            )
        )
    if n := refused.counts["open_ended"]:
        out.append(
            Problem(
                "open_ended",
                "choose",
                f"{count(n, 'conversation ends', 'conversations end')} with the user: the answer is missing (line {', '.join(map(str, refused.lines['open_ended']))}).",
                "Add the assistant's turn.",
                f"Import {count(n, 'such conversation')} as unlabelled prompts",
                count=n,
            )
        )
    if n := refused.counts["unsupported_rows"]:
        first = next(r for r in found.refused if r.code == "unsupported_rows")
        out.append(
            Problem(
                "unsupported_rows",
                "confirm",
                f"{count(n, 'row is', 'rows are')} left out: line {first.line:,}, {first.reason}.",
                first.remedy,
                line=first.line,
                count=n,
            )
        )
    return out
