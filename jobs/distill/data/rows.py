"""From a record of a file to a canonical row: messages that end with a user turn, and the answer or none."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from . import answering, extras
from .findings import BadRow
from .limits import LIMITS, Limits, count, size
from .options import Options
from .paint import read_spans
from .read_json import kind
from .split import row_id_of
from .strict_json import Number
from .tables import Record
from .tasks.instruction import Instruction, put_before
from .words import split_word

SPEAKERS = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
}


@dataclass(slots=True)  # not frozen: a million of them are made, and freezing doubles the time
class Row:
    """One canonical row, never changed once made. `answer` None: unlabelled. `split` None: by hash when a run starts."""

    row_id: str
    messages: list[dict[str, str]]
    answer: str | None
    split: str | None
    line: int
    source_id: str | None = None
    answer_kind: str = field(default="a text", compare=False)
    remarks: tuple[str, ...] = field(default=(), compare=False)
    fields: dict[str, Any] = field(default_factory=dict)  # see extras.EXTRAS
    said: str | None = field(default=None, compare=False)  # the answer as the file has it

    def as_dict(self) -> dict[str, Any]:
        return {
            "row_id": self.row_id,
            "messages": self.messages,
            "answer": self.answer,
            "split": self.split,
            "line": self.line,
            "source_id": self.source_id,
            "fields": json.dumps(self.fields, ensure_ascii=False) if self.fields else None,
        }


class _Bad(Exception):
    def __init__(self, reason: str, remedy: str = "", column: str = "", code: str = "bad_rows") -> None:
        self.args = (reason, remedy, column, code)


def convert(
    record: Record,
    roles: dict[str, str],
    options: Options,
    limits: Limits = LIMITS,
    instruction: Instruction | None = None,
) -> Row | BadRow:
    """The canonical row of a record, or why it is none (with its line and column)."""
    try:
        return _convert(record, roles, options, limits, instruction)
    except _Bad as e:
        reason, remedy, column, code = e.args
        return BadRow(record.line, reason, remedy, column, code)


def _convert(
    record: Record, roles: dict[str, str], options: Options, limits: Limits, instruction: Instruction | None
) -> Row:
    values, answer_kind = record.values, "a text"
    remarks: tuple[str, ...] = ()
    pair = _pair(values, roles, options, limits)
    if "messages" in roles:
        asked = extras.accepting(options) if "chosen" in roles else options
        messages, said, remarks = conversation(values.get(roles["messages"]), roles["messages"], asked, limits)
        if "system" in roles and (text := _text(values, roles["system"], limits)) and messages[0]["role"] != "system":
            messages.insert(0, {"role": "system", "content": text})
    else:
        messages = _asked(values, roles, pair, limits)
        said, answer_kind = _said(values, roles, options, limits)
    if "chosen" in pair and not said.strip():
        said, answer_kind = pair["chosen"][1], "a text"
    if "weight" in roles and answering.verdict(values.get(roles["weight"])) is False:
        said, remarks = "", (*remarks, "weight 0")
    if options.answer == "reasoned" and said.strip() and "rationale" in roles:
        said = answering.reasoned(_text(values, roles["rationale"], limits), said)
    if instruction:
        remarks += put_before(messages, instruction.of(values), options.place)
    answer = clean_label(said, options) if said.strip() else None
    source_id = _text(values, roles["id"], limits) if "id" in roles else None
    fields = _fields(values, roles, pair, said, limits)
    if "paint" in roles and (spans := _painted(values.get(roles["paint"]), roles["paint"], answer, said)) is not None:
        fields["paint"] = spans
    return Row(
        row_id_of(messages, answer),
        messages,
        answer,
        _split(values, roles),
        record.line,
        source_id,
        answer_kind,
        remarks,
        fields,
        said,
    )


def _asked(values: dict[str, Any], roles: dict[str, str], pair: dict[str, Any], limits: Limits) -> list[dict[str, str]]:
    """The turns up to the user's, of separate columns or of a pair of whole conversations."""
    messages: list[dict[str, str]] = []
    if "system" in roles and (text := _text(values, roles["system"], limits)).strip():
        messages.append({"role": "system", "content": text})
    column = roles.get("user")
    if column is None:
        before: list[dict[str, str]] = pair["chosen"][0] if "chosen" in pair else []
        if not before:
            raise _Bad(
                "nothing says what the model is asked", "Choose the column of the user's text.", _any_answer(roles)
            )
        return messages + before if before[0]["role"] != "system" else before
    if column not in values:
        raise _Bad(f'"{column}" is missing', "Add the field to this row.", column)
    user = _text(values, column, limits)
    if not user.strip():
        raise _Bad("the user's text is empty", "Write the question, or remove the row.", column)
    if "context" in roles and (text := _text(values, roles["context"], limits)).strip():
        user = f"{user}\n\n{text}"
    return [*messages, {"role": "user", "content": user}]


def _said(values: dict[str, Any], roles: dict[str, str], options: Options, limits: Limits) -> tuple[str, str]:
    """(the answer of separate columns as the file has it, what kind of value it is)."""
    if fields := answering.fields_of(roles):
        said = answering.fields_json(values, fields)
        return _text({"": said}, "", limits), "a text" if said else "null"
    column = answering.answer_column(roles)
    if column is None:
        return "", "null"
    value = values.get(column)
    if options.answer == "json" and isinstance(value, (list, dict)):
        return _text({column: answering.as_json(value)}, column, limits), "a text"
    return _text(values, column, limits, answer=True), kind(value)


def _any_answer(roles: dict[str, str]) -> str:
    """The column that shows a row without a question: of the first role there is."""
    return next(
        (roles[r] for r in ("chosen", "rejected", "assistant", "label") if r in roles), next(iter(roles.values()), "")
    )


Answered = tuple[list[dict[str, str]], str]  # the turns before an answer, and the answer


def _pair(values: dict[str, Any], roles: dict[str, str], options: Options, limits: Limits) -> dict[str, Answered]:
    """chosen and rejected, as far as the file has them. Raises _Bad where the two answer different conversations."""
    out: dict[str, Answered] = {}
    for role in ("chosen", "rejected"):
        if (column := roles.get(role)) is None:
            continue

        def talk(turns: list[Any], column: str = column) -> Answered:
            return conversation(turns, column, options, limits)[:2]

        def text(value: Any, column: str = column) -> str:
            return _text({column: value}, column, limits)

        before, answer = extras.answer_of(values.get(column), talk, text)
        if not answer.strip():
            raise _Bad(f"the {role} answer is empty", "A pair needs both answers.", column)
        out[role] = before, answer
    if len(out) == 2 and out["chosen"][0] and out["rejected"][0] and out["chosen"][0] != out["rejected"][0]:
        raise _Bad(
            "chosen and rejected answer different conversations",
            "The turns before the last answer must be the same in both.",
            roles["rejected"],
        )
    return out


def _extra(role: str, value: Any, column: str, limits: Limits) -> float | list[str] | dict[str, Any] | None:
    """The weight, the ranking or the soft labels of a cell; None where it is empty."""

    def text(one: Any) -> str:
        return _text({column: one}, column, limits)

    try:
        if role == "soft":
            return extras.soft(value)
        return extras.weight(value) if role == "weight" else extras.ranked(value, text)
    except extras.Wrong as e:
        reason, remedy = e.args
        raise _Bad(reason, remedy, column) from None


def _fields(
    values: dict[str, Any], roles: dict[str, str], pair: dict[str, Answered], said: str, limits: Limits
) -> dict[str, Any]:
    """What the row carries beside question and answer; empty cells leave nothing behind."""
    out: dict[str, Any] = {}
    for role in extras.TEXTS:
        if role in roles and (text := _text(values, roles[role], limits)).strip():
            out[role] = text
    for role in ("weight", "ranked", "soft"):
        if role in roles and (found := _extra(role, values.get(roles[role]), roles[role], limits)) is not None:
            out[role] = found
    if "rejected" in pair:
        out |= {"chosen": pair["chosen"][1] if "chosen" in pair else said, "rejected": pair["rejected"][1]}
        if out["chosen"] == out["rejected"]:
            raise _Bad("chosen and rejected are the same", "A pair needs two different answers.", roles["rejected"])
    return out


def _painted(value: Any, column: str, answer: str | None, said: str) -> list[list[float]] | None:
    """Checked spans of the row's answer; raises _Bad where they do not fit it."""
    try:
        spans = read_spans(value, answer)
    except extras.Wrong as e:
        reason, remedy = e.args
        raise _Bad(reason, remedy, column) from None
    if spans is None:
        return None
    if answer != said:
        raise _Bad(
            "spans are painted, and the answer is written in other words on import",
            "Import the labels as they are, or leave the painted column out.",
            column,
        )
    return [list(span) for span in spans]


def clean_label(text: str, options: Options) -> str:
    """The answer as it stands, or in words when the person asked for that."""
    return in_words(text) if options.labels == "words" else text


def in_words(label: str) -> str:
    """`Refund_not_showing_up` becomes `refund not showing up`; a question mark at the end goes."""
    return label.replace("_", " ").strip("? ").lower()


def _text(values: dict[str, Any], column: str, limits: Limits, answer: bool = False) -> str:
    """Text of a cell; numbers as written; null is empty. Raises _Bad for lists and objects."""
    value = values.get(column)
    if value is None:
        return ""
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, str):
        if answer and isinstance(value, list):
            raise _Bad(
                f"{kind(value)} of {count(len(value), 'value')} where one answer is needed",
                "One answer a row: write it as one text.",
                column,
            )
        raise _Bad(f"{kind(value)} where a text is needed", "Write it as one text.", column)
    if len(value) > limits.cell:
        raise _Bad(
            f"a text of {len(value):,} characters; the limit is {limits.cell:,} ({size(limits.cell)})",
            "Shorten it.",
            column,
        )
    if "\0" in value:
        raise _Bad("contains a NUL character", "Remove it.", column, "nul")
    return str(value)


def _split(values: dict[str, Any], roles: dict[str, str]) -> str | None:
    if "split" not in roles:
        return None
    word = str(values.get(roles["split"]) or "").strip().lower()
    if not (part := split_word(word)):
        raise _Bad(
            f'the split is "{word[:40]}"' if word else "the split is empty",
            "Write train or test (also dev, validation, heldout).",
            roles["split"],
        )
    return part


def conversation(
    value: Any, column: str, options: Options, limits: Limits
) -> tuple[list[dict[str, str]], str, tuple[str, ...]]:
    """(messages ending with a user turn, answer or '', remarks) of OpenAI messages or ShareGPT turns; raises _Bad by turn."""
    if not isinstance(value, list):
        raise _Bad(
            f"the conversation is {kind(value)}, not a list of turns",
            'Write [{"role": "user", "content": "..."}, ...].',
            column,
        )
    if not value:
        raise _Bad("the conversation is empty", "Add its turns, or remove the row.", column)
    messages: list[dict[str, str]] = []
    remarks: list[str] = []
    for n, turn in enumerate(value, start=1):
        role, content, notes = _turn(turn, n, column, limits)
        _check_order(role, n, messages, column)
        messages.append({"role": role, "content": content})
        remarks += [note for note in notes if note != "weight 0" or n == len(value)]
    if messages[-1]["role"] == "assistant":
        answer = messages.pop()["content"]
        return messages, "" if "weight 0" in remarks else answer, tuple(remarks)
    if messages[-1]["role"] == "system":
        raise _Bad("the conversation has no user turn", "Add what the user asks.", column)
    if "open_ended" not in options.accepted:
        raise _Bad(
            f"turn {len(value)}: the conversation ends with the user, its answer is missing",
            "Add the assistant's turn, or accept such rows as unlabelled prompts.",
            column,
            "open_ended",
        )
    return messages, "", tuple(remarks)


def _turn(turn: Any, n: int, column: str, limits: Limits) -> tuple[str, str, list[str]]:
    if not isinstance(turn, dict):
        raise _Bad(f"turn {n} is {kind(turn)}, not an object", "A turn has a role and a content.", column)
    said = turn.get("role", turn.get("from"))
    if said is None:
        raise _Bad(f"turn {n} has no role", "Add role: system, user or assistant.", column)
    if (
        turn.get("tool_calls")
        or turn.get("function_call")
        or said in ("tool", "function", "function_call", "observation")
    ):
        raise _Bad(
            f"turn {n}: tool calls are not supported as turns",
            "Choose to write calls and results into the turns as text, or leave such conversations out.",
            column,
            "unsupported_rows",
        )
    role = SPEAKERS.get(str(said).strip().lower())
    if role is None:
        raise _Bad(
            f'turn {n}: unknown role "{str(said)[:40]}"', "Use system, user or assistant (also human and gpt).", column
        )
    content = turn.get("content", turn.get("value"))
    notes = ["weight 0"] if role == "assistant" and str(turn.get("weight")) in ("0", "0.0") else []
    if isinstance(content, list):
        parts = [
            p.get("text", p.get("value")) if isinstance(p, dict) and p.get("type", "text") == "text" else None
            for p in content
        ]
        if any(not isinstance(p, str) for p in parts):
            raise _Bad(
                f"turn {n}: content parts that are not text", "Only text is supported.", column, "unsupported_rows"
            )
        content = "\n".join(str(p) for p in parts)
        notes.append("parts")
    if not isinstance(content, str) or isinstance(content, Number):
        raise _Bad(f"turn {n}: the content is {kind(content)}, not a text", "Write the text of the turn.", column)
    if len(content) > limits.cell:
        raise _Bad(
            f"turn {n}: a text of {len(content):,} characters; the limit is {limits.cell:,}", "Shorten it.", column
        )
    if "\0" in content:
        raise _Bad(f"turn {n}: contains a NUL character", "Remove it.", column, "nul")
    if role == "user" and not content.strip():
        raise _Bad(f"turn {n}: the user's text is empty", "Write it, or remove the row.", column)
    return role, content, notes


def _check_order(role: str, n: int, before: list[dict[str, str]], column: str) -> None:
    last = before[-1]["role"] if before else None
    if role == "system" and before:
        raise _Bad(f"turn {n}: a system turn in the middle of the conversation", "The system turn comes first.", column)
    if role == "assistant" and last != "user":
        raise _Bad(
            f"turn {n}: the assistant speaks {'first' if last in (None, 'system') else 'twice in a row'}",
            "User and assistant take turns, the user first.",
            column,
        )
    if role == "user" and last == "user":
        raise _Bad(
            f"turn {n}: the user speaks twice in a row", "Join the two turns, or add the answer between them.", column
        )
