"""What a stage says of itself: kind, name, icon, its data and what it does, its objective as shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from jobs.distill.catalog import PARTS
from jobs.distill.catalog.tables import KINDS
from jobs.distill.recipe import Generate, Loop, Merge, Prefer, Record, Review, Reward, Select, Train, Use, Verify, Write

from .differences import NAMES

DATA = (
    "generate",
    "record",
    "select",
    "write",
    "verify",
    "prefer",
    "reward",
    "review",
    "use",
    "loop",
)  # they stand beside the adapters' lanes
ICONS = {
    "train": "adjustments", "generate": "message", "record": "database", "select": "filter", "merge": "git-merge", "write": "pencil",
    "verify": "checkbox", "prefer": "arrows-sort", "reward": "star", "review": "eye", "use": "player-play", "loop": "refresh",
}  # fmt: skip
WORDS = {
    "train": "Train", "generate": "Generate", "record": "Record", "select": "Select", "merge": "Merge", "write": "Write", "verify": "Verify",
    "prefer": "Prefer", "reward": "Reward", "review": "Review", "use": "Answer", "loop": "Rounds",
}  # fmt: skip
ABOUT = {
    "write": "A model writes answers, reasons, programs or new questions, with a prompt of yours where wished.",
    "verify": "What was written is checked; what fails is listed with the reason.",
    "prefer": "Several answers to a question become pairs or rankings.",
    "use": "How the finished student answers: several adapters or paths together.",
    "reward": "A reward model learns from pairs which answer is better; checks, rules and policy gradients ask it.",
    "review": "The run waits until a person has looked at the rows.",
    "loop": "Stages again and again: ask, train, find what is wrong, ask for more of that.",
    "generate": "A teacher with weights writes answers for rows that have none.",
    "record": "A teacher's signals are written down once and reused.",
    "select": "Rows are chosen by a score; what is left out is listed.",
    "train": "One learner, one objective, one optimizer.",
    "merge": "Adapters of earlier stages become one.",
}
MODELS: dict[str, type[BaseModel]] = {
    "train": Train,
    "generate": Generate,
    "record": Record,
    "select": Select,
    "merge": Merge,
    "write": Write,
    "verify": Verify,
    "prefer": Prefer,
    "reward": Reward,
    "review": Review,
    "use": Use,
    "loop": Loop,
}
ROWS = {
    "all": "every row", "labelled": "rows with an answer", "unlabelled": "rows without an answer", "written": "written rows",
    "data": "the rows of the data", "questions": "each question once", "unsure": "rows the student is unsure of", "wrong": "rows the student gets wrong", "right": "rows the student gets right",
}  # fmt: skip


@dataclass(frozen=True)
class Share:
    """One term of the objective: its share of the weights at the start."""

    title: str
    weight: str
    share: float
    tone: int


def name_of(stage: Mapping[str, Any]) -> str:
    """Its own name, or the one stages of its kind have."""
    return text_of(stage, "name") or NAMES.get(text_of(stage, "kind"), "stage")


def text_of(data: Any, key: str, default: str = "") -> str:
    value = data.get(key) if isinstance(data, Mapping) else None
    return value if isinstance(value, str) else default


def facts_of(stage: Mapping[str, Any]) -> list[str]:
    """Its data and what it does, in a few words each."""
    kind = text_of(stage, "kind")
    get = lambda name: stage.get(name, _default(kind, name))  # noqa: E731 - three letters, used eight times
    if kind == "generate":
        who = "" if get("teacher") == "teacher" else f" by {get('teacher')}"
        return [f"Answers {'rows without one' if get('rows') == 'unlabelled' else 'every row'}{who}"]
    if kind == "record":
        return [f"Top {get('top_k')} log-probabilities a token"]
    if kind == "select":
        part = KINDS["selection"].get(str(stage.get("method")))
        keep = get("keep")
        share = f"{100 * keep:.4g} %" if isinstance(keep, int | float) else str(keep)
        return [f"Keeps {share} by {part.title if part else stage.get('method') or 'a score to choose'}"]
    if kind == "merge":
        part = KINDS["merge"].get(str(get("method"))) if "merge" in KINDS else None
        return [f"{part.title if part else get('method')}"]
    if kind == "train":
        return _of_training(stage, get)
    return _of_rows(stage, kind, get)


def _of_rows(stage: Mapping[str, Any], kind: str, get: Any) -> list[str]:
    """A stage that makes, checks or prefers rows, a gate, or rounds."""
    if kind == "write":
        part = KINDS["writer"].get(str(stage.get("writer")))
        times = f" {get('candidates')} times" if get("candidates") != 1 else ""
        return [
            f"{part.title if part else 'Something to choose'} by {get('by')}{times}",
            f"From {ROWS.get(str(get('rows')), get('rows'))}",
        ]
    if kind == "verify":
        listed = stage.get("checks")
        parts = [KINDS["verifier"].get(text_of(c, "type")) for c in (listed if isinstance(listed, list) else [])]
        return [", ".join(p.title for p in parts if p) or "No check yet"]
    if kind == "prefer":
        part = KINDS["preference-rule"].get(str(stage.get("rule")))
        return [part.title if part else "A rule to choose"]
    if kind == "use":
        part = KINDS["decoding"].get(str(stage.get("how")))
        return [part.title if part else "A way to choose"]
    if kind == "reward":
        return [f"A scalar head and an adapter on {get('learner')}", "Learns from the rows' pairs"]
    if kind == "review":
        share = get("share")
        return [
            f"A person looks at {100 * share:.4g} % of the rows"
            if isinstance(share, int | float)
            else "A person looks at the rows"
        ]
    if kind == "loop":
        listed = stage.get("stages")
        names = [name_of(s) for s in (listed if isinstance(listed, list) else []) if isinstance(s, dict)]
        return [
            f"At most {get('rounds')} round{'' if get('rounds') == 1 else 's'}: {', '.join(names) or 'no stage yet'}"
        ]
    return []


def _of_training(stage: Mapping[str, Any], get: Any) -> list[str]:
    source = text_of(stage.get("source"), "kind", "fixed")
    rows = {"student": "Student's own answers", "mixed": "Data and the student's answers", "pairs": "Preference pairs"}
    data = rows.get(source, "All rows" if get("rows") == "all" else f"{str(get('rows')).capitalize()} rows")
    what = "steps" if stage.get("steps") else "epochs"
    number = stage.get(what)
    shown = f"{number:.6g}" if isinstance(number, int | float) else str(number or "?")
    length = f"{shown} {what.removesuffix('s') if shown == '1' else what}"
    return [f"{data}, {length}"]


def _default(kind: str, name: str) -> Any:
    field = MODELS[kind].model_fields.get(name) if kind in MODELS else None
    return field.default if field is not None else None


def mix_of(stage: Mapping[str, Any]) -> tuple[Share, ...]:
    terms = stage.get("terms") if stage.get("kind") == "train" else None
    found = []
    for t in terms if isinstance(terms, list) else []:
        part = PARTS.get(str(t.get("type"))) if isinstance(t, dict) else None
        weight = t.get("weight", 1.0) if isinstance(t, dict) else None
        number = float(weight) if isinstance(weight, int | float) and not isinstance(weight, bool) else 0.0
        found.append((part.title if part else text_of(t, "type") or "no type", number, bool(text_of(t, "type"))))
    whole = sum(abs(w) for _, w, _ in found) or 1.0
    return tuple(Share(title, f"{w:.4g}", abs(w) / whole, i % 8) for i, (title, w, _) in enumerate(found))
