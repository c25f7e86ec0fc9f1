"""What was found in a file, in words a person can act on.

A problem is one of four kinds:
refuse   nothing can be imported until the file is changed
choose   nothing is imported unless the person chooses the offered way out (its code is in `accepted`)
confirm  imported once the person has seen it (its code is in `accepted`)
note     said, needs no answer
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..errors import DataRefused

LATER = "later_warnings"  # accepted: warnings that a first look at the beginning could not see
Severity = Literal["refuse", "choose", "confirm", "note"]
Outcome = Literal["accept", "confirm", "refuse"]


@dataclass(frozen=True)
class Problem:
    code: str
    severity: Severity
    message: str
    remedy: str = ""
    choice: str = ""  # what accepting it means, for the tick box
    line: int | None = None
    column: str | None = None
    count: int | None = None
    limit: int | None = None  # the number that was exceeded

    def as_dict(self) -> dict[str, Any]:
        return {k: v for k, v in asdict(self).items() if v not in (None, "")}


@dataclass(frozen=True)
class BadRow:
    """A row that is not imported, where it stands, why, and what would make it good."""

    line: int
    reason: str
    remedy: str = ""
    column: str = ""
    code: str = "bad_rows"
    part: str = ""  # the sheet or the file of an archive, where there are several

    @property
    def place(self) -> str:
        """`line 3 of train.csv`."""
        return f"line {self.line:,}" + (f" of {self.part}" if self.part else "")

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Change:
    """A text that differs from the file's, where it stands, what was done, before and after (long ones cut)."""

    line: int
    column: str
    what: str
    before: str
    after: str
    part: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Findings:
    """Everything a first look or an import says about a file."""

    filename: str = ""
    bytes: int = 0
    format: str = ""
    encoding: str = ""
    delimiter: str = ""
    compression: str = ""
    header: bool = True
    columns: list[dict[str, Any]] = field(default_factory=list)  # {name, role, found, why, examples}
    sample: list[dict[str, Any]] = field(default_factory=list)  # {line, values}
    roles: dict[str, str] = field(default_factory=dict)  # role -> column
    form: str = ""  # "question and answer", "conversations (OpenAI messages)" ...
    task: dict[str, str] = field(default_factory=dict)  # {kind, why}
    template: dict[str, str] = field(default_factory=dict)  # the task's template: see tasks.template_of
    counts: dict[str, int] = field(default_factory=dict)
    labels: list[list[Any]] = field(default_factory=list)  # [label, rows], commonest first
    problems: list[Problem] = field(default_factory=list)
    refused: list[BadRow] = field(default_factory=list)  # the first hundred
    changed: list[Change] = field(default_factory=list)  # the first hundred
    rows: list[dict[str, Any]] = field(default_factory=list)  # the first canonical rows, for the preview
    offers: dict[str, Any] = field(default_factory=dict)  # options worth showing, with examples
    complete: bool = True  # False: only the beginning was read
    accepted: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        severities = {p.severity for p in self.open_problems}
        if severities & {"refuse", "choose"}:
            return "refuse"
        return "confirm" if severities else "accept"

    @property
    def open_problems(self) -> list[Problem]:
        """What stands in the way: refusals, and what the person has not accepted."""

        def settled(p: Problem) -> bool:
            return (
                p.severity == "note" or p.code in self.accepted or (p.severity == "confirm" and LATER in self.accepted)
            )

        return [p for p in self.problems if p.severity == "refuse" or not settled(p)]

    def as_dict(self) -> dict[str, Any]:
        out = asdict(self)
        out["problems"] = [p.as_dict() for p in self.problems]
        out["outcome"] = self.outcome
        return out

    def raise_if_refused(self) -> None:
        """Raises DataRefused with the first reason that stands in the way, and how many more there are."""
        in_the_way = self.open_problems
        if not in_the_way:
            return
        order = {"refuse": 0, "choose": 1, "confirm": 2}
        first = sorted(in_the_way, key=lambda p: order[p.severity])[0]
        more = f" And {len(in_the_way) - 1} more." if len(in_the_way) > 1 else ""
        raise DataRefused(first.message + more, field=first.column, hint=first.remedy or first.choice or None)


def refuse(code: str, message: str, remedy: str = "", **where: Any) -> FileRefused:
    return FileRefused(Problem(code, "refuse", message, remedy, **where))


class FileRefused(DataRefused):
    """A file that cannot be read at all; carries the problem for the page."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message, field=problem.column, hint=problem.remedy or None)
        self.problem = problem
