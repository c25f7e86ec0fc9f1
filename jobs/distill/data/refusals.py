"""Rows that are not imported, told in at most three problems: wrong ones, unanswered ones, and ones of a kind not supported."""

from __future__ import annotations

from collections import Counter

from .findings import BadRow, Problem
from .limits import count

KEPT = 5  # rows of each code
LEFT_OUT = ("unsupported_rows", "open_ended")  # nothing is wrong with such rows, beside their kind


class Refused:
    """Refused rows by code: how many, and the first few of each. All of them would not fit into memory in a bad file."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: dict[str, list[BadRow]] = {}

    def see(self, row: BadRow) -> None:
        self.counts[row.code] += 1
        first = self.first.setdefault(row.code, [])
        if len(first) < KEPT:
            first.append(row)

    def wrong(self) -> list[BadRow]:
        """The first rows with something wrong in them, in the order of the file."""
        return sorted(
            (r for code, rows in self.first.items() if code not in LEFT_OUT for r in rows), key=lambda r: r.line
        )


def bad_rows(refused: Refused, rows: int, read: int) -> list[Problem]:
    """One problem for rows that are not supported (seen and left out), one for rows that are wrong (skipped only on choice)."""
    if rows == 0 and read:
        return [_none_usable(refused, read)]
    wrong = sum(n for code, n in refused.counts.items() if code not in LEFT_OUT)
    out = [_wrong(refused.wrong(), wrong, rows, read)] if wrong else []
    if n := refused.counts["open_ended"]:
        out.append(
            Problem(
                "open_ended",
                "choose",
                f"{count(n, 'conversation ends', 'conversations end')} with the user: the answer is missing (line {', '.join(str(r.line) for r in refused.first['open_ended'])}).",
                "Add the assistant's turn.",
                f"Import {count(n, 'such conversation')} as unlabelled prompts",
                count=n,
            )
        )
    if n := refused.counts["unsupported_rows"]:
        first = refused.first["unsupported_rows"][0]
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


def _none_usable(refused: Refused, read: int) -> Problem:
    first = min((rows[0] for rows in refused.first.values()), key=lambda r: r.line)
    if set(refused.counts) == {"open_ended"}:
        return Problem(
            "open_ended",
            "choose",
            f"None of {count(read, 'conversation')} has an answer at its end.",
            "",
            "Import them as prompts for a teacher to answer",
            count=read,
        )
    where = first.place + (f", {first.column}" if first.column else "")
    return Problem(
        "no_usable_rows",
        "refuse",
        f"No usable row: {read:,} read, {read:,} refused. First: {where}: {first.reason}.",
        first.remedy,
        line=first.line,
        count=read,
    )


def _wrong(bad: list[BadRow], wrong: int, rows: int, read: int) -> Problem:
    listed = "; ".join(f"{r.place}{f' ({r.column})' if r.column else ''}: {r.reason}" for r in bad[:3])
    return Problem(
        "bad_rows",
        "choose",
        f"{count(wrong, 'row')} of {read:,} cannot be imported. {listed}{' ...' if wrong > 3 else ''}",
        bad[0].remedy,
        f"Skip {count(wrong, 'bad row')} and import {count(rows, 'row')}",
        line=bad[0].line,
        count=wrong,
    )
