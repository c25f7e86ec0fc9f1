"""What a row carries beside question and answer: domain, weight, rationale, pairs, rankings, what only a teacher may see."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from . import answering
from .options import Options
from .read_json import kind

TEXTS = ("domain", "rationale", "privileged", "group")  # one text a row
EXTRAS = (*TEXTS, "weight", "chosen", "rejected", "ranked", "paint", "soft")

NAMES: dict[str, tuple[str, ...]] = {  # the usual names of their columns
    "domain": ("domain", "data_source", "source_dataset", "task_name"),
    "weight": ("weight", "weights", "sample_weight", "loss_weight", "example_weight"),
    "rationale": ("rationale", "rationales", "reasoning", "chain_of_thought", "cot", "explanation"),
    "ranked": ("ranked", "ranking", "ranked_answers", "ranked_responses"),
    "privileged": ("privileged", "privileged_context", "teacher_context"),
    "group": ("group", "group_id"),
    "paint": ("paint", "painted", "loss_spans"),
    "soft": ("soft", "soft_labels", "label_probabilities", "votes"),
}
WORDS = {
    "domain": "the kind or source of the row",
    "weight": "and holds numbers",
    "rationale": "the reasoning behind the answer",
    "ranked": "and holds lists of answers, best first",
    "privileged": "only the teacher may read it",
    "group": "rows that belong together",
    "paint": "and holds spans of the answer with weights",
    "soft": "and holds what teachers say of each label",
}


class Wrong(Exception):
    """(reason, remedy) of a cell that cannot be what its column says."""


def find(low: dict[str, str], rows: Sequence[dict[str, Any]], taken: Any) -> list[tuple[str, str, str]]:
    """(role, column, reason) of the extra columns that a file has, by name and content."""
    out = []
    for role, names in NAMES.items():
        for name in names:
            column = low.get(name)
            if column and column not in taken and _holds(role, column, rows):
                out.append((role, column, f'named "{column}": {WORDS[role]}'))
                break
    return out


def _holds(role: str, column: str, rows: Sequence[dict[str, Any]]) -> bool:
    values = [v for r in rows if (v := r.get(column)) not in (None, "")]
    if role == "ranked":
        return bool(values) and all(isinstance(v, list) and len(v) > 1 for v in values)
    if role == "paint":
        return bool(values) and all(isinstance(v, list) or str(v).lstrip().startswith("[") for v in values)
    if role == "soft":
        return bool(values) and all(isinstance(_json(v), dict | list) for v in values)
    if role == "weight":
        return bool(values) and all(_number(v) is not None for v in values)
    return any(isinstance(v, str) and v.strip() for v in values)


def _number(value: Any) -> float | None:
    try:
        number = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def weight(value: Any) -> float | None:
    """The weight of a row; None where the cell is empty. Raises Wrong for what is no number of 0 or more."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if answering.verdict(value) is not None:  # false: the row has no answer to learn, which its reader sees to
        return None
    number = _number(value)
    if number is None:
        shown = f'"{value[:40]}"' if isinstance(value, str) else kind(value)
        raise Wrong(f"the weight is {shown}, not a number", "Write a number such as 1 or 0.5, or leave it empty.")
    if number < 0:
        raise Wrong(f"the weight is {number:g}; it must be 0 or more", "Write 0 to have the row count for nothing.")
    return number


def ranked(value: Any, text: Callable[[Any], str]) -> list[str] | None:
    """Answers, best first; None where the cell is empty."""
    if value in (None, "", []):
        return None
    if not isinstance(value, list) or len(value) < 2:
        raise Wrong(
            f"the ranking is {kind(value)}{' of one answer' if isinstance(value, list) else ''}, not a list of answers",
            "Write the answers as a list, best first.",
        )
    answers = [text(v) for v in value]
    if empty := next((n for n, a in enumerate(answers, 1) if not a.strip()), None):
        raise Wrong(f"answer {empty} of the ranking is empty", "Remove it, or write it.")
    return answers


def _json(value: Any) -> Any:
    """A cell that is JSON, or was read as such; None where it is neither."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def soft(value: Any) -> dict[str, Any] | list[str] | None:
    """What teachers say of the labels: {label: probability}, {teacher: {label: probability}}, or a list of answers that are
    counted as votes; None where the cell is empty. Raises Wrong naming the first label whose number is none."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    found = _json(value)
    if isinstance(found, list) and found and all(isinstance(a, str) for a in found):
        return [str(a) for a in found]
    if not isinstance(found, dict) or not found:
        raise Wrong(
            f"the soft labels are {kind(found)}, not an object of labels and probabilities",
            'Write {"label": 0.9, "other": 0.1}, or a list of answers as votes.',
        )
    if any(isinstance(v, dict | list) for v in found.values()):
        out = {str(name): soft(one) for name, one in found.items()}
        return {name: one for name, one in out.items() if one is not None}
    return {str(label): _probability(str(label), number) for label, number in found.items()}


def _probability(label: str, value: Any) -> float:
    number = _number(value)
    if number is None or number < 0:
        raise Wrong(
            f'the soft label "{label[:40]}" is {str(value)[:40]}, not a number of 0 or more', "Write a probability."
        )
    return number


def answer_of(
    value: Any, talk: Callable[[list[Any]], tuple[list[dict[str, str]], str]], text: Callable[[Any], str]
) -> tuple[list[dict[str, str]], str]:
    """(turns before the answer, the answer) of a chosen or rejected cell: a text, a turn, or a whole conversation."""
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        return [], text(value)
    if len(value) == 1:
        turn = value[0]
        return [], text(turn.get("content", turn.get("value")) if isinstance(turn, dict) else turn)
    return talk(value)


def accepting(options: Options) -> Options:
    """The same options, under which a conversation may end with the user: its answer stands in another column."""
    return options.model_copy(update={"accepted": (*options.accepted, "open_ended")})
