"""One pass over a file: records to canonical rows, bad rows counted, checks made. Peek and import are this same pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..errors import DataRefused
from . import roles as roles_of
from . import tasks
from .answering import FIELD, answer_column
from .changed import Changes
from .checks import Checks
from .findings import LATER, BadRow, Change, FileRefused, Findings, Problem, refuse
from .limits import LIMITS, Limits, count
from .options import Options
from .refusals import Refused, bad_rows
from .rows import Row, convert
from .split import row_id_of
from .tables import Choice, Record, Table, open_table
from .tasks.choose import template_of
from .tasks.instruction import language_of

SAMPLE, SHOWN, CELL_SHOWN, NAME_SHOWN = 200, 20, 400, 120
TOOLS = {
    chosen: Choice(
        "tools",
        "Tool calls",
        chosen,
        [
            ["leave_out", "Leave such conversations out"],
            ["as_text", "Write calls, results and tools into the turns as text"],
        ],
    )
    for chosen in ("leave_out", "as_text")
}
LABEL_NAMES = (
    "label",
    "labels",
    "category",
    "class",
    "klass",
    "intent",
    "sentiment",
    "tag",
    "topic",
    "similar",
    "is_duplicate",
    "gold_label",
)


def scan(
    path: Path,
    filename: str,
    roles: dict[str, str] | None = None,
    options: Options = Options(),  # noqa: B008
    *,
    limits: Limits = LIMITS,
    good: Callable[[Row], None] | None = None,
    bad: Callable[[BadRow], None] | None = None,
    changed: Callable[[Change], None] | None = None,
    tick: Callable[[int], None] | None = None,
    seconds: float | None = None,
) -> Findings:
    """Findings of a file. `good` and `bad` take each row as it comes, `changed` each text that differs from the file's; `seconds` ends the look early (`complete` False).

    Never raises for what is in the file: a file that cannot be read has one problem of severity `refuse`.
    """
    began = time.monotonic()
    found = Findings(filename=filename, bytes=Path(path).stat().st_size, accepted=list(options.accepted))
    if len(filename) > NAME_SHOWN:
        found.problems.append(
            Problem(
                "long_name", "note", f"The file name has {len(filename)} characters; {NAME_SHOWN} of them are shown."
            )
        )
    try:
        table = open_table(path, filename, options, limits)
        _describe(found, table)
        _roles(found, table, roles)
        if not any(p.severity == "refuse" for p in found.problems):
            merge, labels = _labels(
                path, filename, found.roles, options, limits, tick, _left(began, seconds and seconds / 2)
            )
            instruction = _instruction(found, table, options, labels)
            _pass(found, table, options, limits, merge, instruction, good, bad, changed, tick, _left(began, seconds))
    except FileRefused as e:
        found.problems.insert(0, e.problem)
    except (MemoryError, RecursionError):
        found.problems.insert(
            0,
            Problem(
                "too_big", "refuse", "Reading the file needs more memory than an import may use.", "Upload it in parts."
            ),
        )
    return found


def _left(began: float, seconds: float | None) -> float | None:
    """What is left of a budget, a second at least: a look at a large file spends much of it before the first row."""
    return None if seconds is None else max(1.0, seconds - (time.monotonic() - began))


def _describe(found: Findings, table: Table) -> None:
    """Format, columns and the first rows as they stand."""
    for name in ("format", "encoding", "delimiter", "compression", "header"):
        setattr(found, name, getattr(table, name))
    found.problems += table.notes
    found.offers["choices"] = [asdict(c) for c in table.choices]
    for i, record in enumerate(table.records()):
        if isinstance(record, Record) and len(found.sample) < SAMPLE:
            found.sample.append({"line": record.line, "values": record.values})
        if i >= SAMPLE:
            break


def _roles(found: Findings, table: Table, chosen: dict[str, str] | None) -> None:
    """Sets roles and columns of the findings; an impossible choice becomes a problem that names it."""
    guess = roles_of.guess(table.columns, [r["values"] for r in found.sample])
    found.roles = dict(chosen) if chosen else guess.roles
    found.form = table.form or guess.form
    if table.columns:  # without columns no row was readable, and the pass over them says why
        try:
            roles_of.check(found.roles, table.columns)
        except DataRefused as e:
            found.problems.append(Problem("roles", "refuse", e.message, e.hint or ""))
    by_column, by_guess = ({c: r for r, c in roles.items()} for roles in (found.roles, guess.roles))
    found.columns = [
        {
            "name": c,
            "role": by_column.get(c, ""),
            "found": by_guess.get(c, ""),
            "why": guess.why.get(c, ""),
            "examples": _examples(c, found.sample),
        }
        for c in table.columns
    ]


def _examples(column: str, sample: list[dict[str, Any]]) -> list[str]:
    return [cut(r["values"].get(column)) for r in sample[:3] if r["values"].get(column) not in (None, "")]


def cut(value: Any, length: int = CELL_SHOWN) -> str:
    """A cell for the eye: at most `length` characters, the rest counted."""
    text = "" if value is None else value if isinstance(value, str) else repr(value)
    return text if len(text) <= length else f"{text[:length]} … ({len(text):,} characters)"


def _labels(
    path: Path, filename: str, roles: dict[str, str], options: Options, limits: Limits, tick: Any, seconds: float | None
) -> tuple[dict[str, str], list[str]]:
    """(label -> the commonest label that looks like it, all labels): a pass of its own, only where somebody asks for it."""
    listed = bool({"labels", "label_count"} & set(tasks.variables_in(options.instruction)))
    if not options.merge_labels and not listed:
        return {}, []
    checks, end = Checks(label_column=_is_label(roles)), time.monotonic() + (seconds or 1e9)
    for n, record in enumerate(open_table(path, filename, options, limits).records()):
        if isinstance(record, Record) and isinstance(row := convert(record, roles, options, limits), Row):
            checks.see(row)
        if tick and n % 1000 == 0:
            tick(0)  # a sign of life: the rows themselves are counted in the next pass
        if n % 500 == 0 and time.monotonic() > end:
            break
    merge = {label: g[0][0] for g in checks.same_looking() for label, _ in g[1:]} if options.merge_labels else {}
    return merge, [label for label in checks.labels if label not in merge]


def _instruction(found: Findings, table: Table, options: Options, labels: list[str]) -> tasks.Instruction | None:
    """The instruction that is put before each row, if any. Raises FileRefused for a variable that nothing fills."""
    if not options.instruction.strip():
        return None
    try:
        return tasks.Instruction(options.instruction, table.columns, found.roles, labels)
    except tasks.InstructionWrong as e:
        raise refuse("instruction", str(e), e.remedy) from None


def _is_label(roles: dict[str, str]) -> bool:
    return "label" in roles or (answer_column(roles) or "").strip().lower() in LABEL_NAMES


def _pass(
    found: Findings,
    table: Table,
    options: Options,
    limits: Limits,
    merge: dict[str, str],
    instruction: tasks.Instruction | None,
    good: Any,
    bad: Any,
    changed: Any,
    tick: Any,
    seconds: float | None,
) -> None:
    checks, end, read = Checks(label_column=_is_label(found.roles)), time.monotonic() + (seconds or 1e9), 0
    refused, changes = Refused(), Changes(found.roles, options, table.encoding, changed)
    for read, record in enumerate(table.records(), start=1):
        if read > limits.rows:
            raise refuse("too_many_rows", f"More than {limits.rows:,} rows.", "Upload it in parts.")
        row = convert(record, found.roles, options, limits, instruction) if isinstance(record, Record) else record
        if isinstance(row, BadRow):
            row = replace(row, part=record.part) if record.part and not row.part else row
            refused.see(row)
            if len(found.refused) < 100:
                found.refused.append(row)
            if bad:
                bad(row)
        else:
            if row.answer in merge:
                row = _with_answer(row, merge[row.answer])
            if isinstance(record, Record):
                changes.see(record, row)
            before = checks.see(row)
            if len(found.rows) < SHOWN:
                found.rows.append(row.as_dict())
            if good:
                good(row if not before else _with_id(row, f"{row.row_id}.{before + 1}"))
        if tick and read % 1000 == 0:
            tick(read)
        if read % 500 == 0 and time.monotonic() > end:
            found.complete = False
            break
    _conclude(found, table, checks, refused, read, options, merge)
    changes.conclude(found)


def _with_answer(row: Row, answer: str) -> Row:
    return replace(row, row_id=row_id_of(row.messages, answer), answer=answer)


def _with_id(row: Row, row_id: str) -> Row:
    return replace(row, row_id=row_id)


def _conclude(
    found: Findings,
    table: Table,
    checks: Checks,
    refused: Refused,
    read: int,
    options: Options,
    merge: dict[str, str],
) -> None:
    """What the pass saw, as counts, offers and problems of the findings."""
    found.counts = _counts(table, checks, refused, read)
    found.task = checks.task()
    found.template = template_of(found, options)
    found.labels = (
        [[label, n] for label, n in checks.labels.most_common(500)] if found.task["kind"] == "classification" else []
    )
    _offer(found, checks, refused, options)
    found.problems += bad_rows(refused, checks.rows, read)
    found.problems += _remarks(table, checks, merge)
    if checks.rows:
        found.problems += _about_columns(found, checks)
    if not found.complete:
        found.problems.append(
            Problem(
                LATER,
                "confirm",
                f"Only the first {read:,} rows were looked at. The import reads all of them; warnings it meets later count as accepted and are listed with the version.",
            )
        )


def _counts(table: Table, checks: Checks, refused: Refused, read: int) -> dict[str, int]:
    return {
        "read": read,
        "rows": checks.rows,
        "labelled": checks.labelled,
        "unlabelled": checks.rows - checks.labelled,
        "train": checks.splits["train"],
        "heldout": checks.splits["heldout"],
        "refused": refused.counts.total(),
        "duplicates": checks.duplicates,
        "near_duplicates": checks.near_duplicates,
        "conflicts": checks.conflict_count,
        "labels": len(checks.labels),
        "blank_lines": table.skipped[0],
    }


def _offer(found: Findings, checks: Checks, refused: Refused, options: Options) -> None:
    """Choices that would change what becomes of the rows; one that was taken stays offered, so that it can be taken back."""
    if offer := checks.label_offer():
        found.offers["labels"] = offer
    if checks.same_looking():
        found.offers["merge_labels"] = True
    if refused.counts["unsupported_rows"] or options.tools == "as_text":
        found.offers["choices"].append(asdict(TOOLS[options.tools]))
    if refused.counts["nul"] or options.remove_nul:
        found.offers["remove_nul"] = True


def _remarks(table: Table, checks: Checks, merge: dict[str, str]) -> list[Problem]:
    """What was done on the way: lines skipped, labels merged, system texts that stayed."""
    out = []
    if n := table.skipped[0]:
        out.append(Problem("blank_lines", "note", f"{count(n, 'blank line')} skipped.", count=n))
    if merge:
        said = count(len(merge), "label was", "labels were")
        out.append(Problem("merged", "note", f"{said} merged with the one that looks the same."))
    if own := checks.remarks.get("own system"):
        out.append(
            Problem(
                "own_system",
                "confirm",
                f"{count(own, 'row has', 'rows have')} a system text of its own, which stays; the instruction was not added there.",
                "Choose to put the instruction into the question, if it should be everywhere.",
                count=own,
            )
        )
    return out


def _about_columns(found: Findings, checks: Checks) -> list[Problem]:
    """What the checks found under the roles as they are, and whether those are a guess."""
    answers = {"assistant", "label", "messages", "chosen"} & set(found.roles)
    out = checks.problems(bool(answers) or any(r.startswith(FIELD) for r in found.roles))
    if not any(n.lower() in _known() or language_of(n) for n in found.roles.values()):
        guessed = "No column has a known name; the roles are a guess."
        out.append(Problem("columns_guessed", "confirm", guessed, "Check the roles in the column headers."))
    return out


def _known() -> set[str]:
    return {*roles_of.USER, *roles_of.ANSWER, *roles_of.CONVERSATION} - {"utterance", "klass"}
