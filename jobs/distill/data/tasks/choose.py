"""Which template suits these rows, and why. Rules from the surest to the most general; the first that holds is taken."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..findings import Findings
from ..options import Options
from .instruction import language_of
from .templates import TEMPLATES

CODE_COLUMNS = ("canonical_solution", "entry_point", "test_list", "unit_tests", "code")
SUMMARY_COLUMNS = ("summary", "highlights", "tldr", "tl;dr", "abstract", "summaries")
CODE = re.compile(
    r"^[^\S\n]*+(def |class |import |from \w+ import|return |#include|function |const |public |SELECT )", re.M
)
RESULT = re.compile(r"####\s*\S|\\boxed\{|(?m:^)[^\S\n]*+(?:the )?(?:final )?answer\s*(?:is|:)", re.I)
NUMBER_LAST = re.compile(r"\d[\d,.]*\W*$")
NUMERIC = re.compile(r"[-+]?[$€£]?\d[\d,]*(?:\.\d+)?\s*%?")


@dataclass(frozen=True)
class Seen:
    """What the rules look at. rows: canonical rows as dicts, the first ones; kind: classification, answers or prompts."""

    form: str
    kind: str
    kind_why: str
    roles: Mapping[str, str]
    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]

    @property
    def answers(self) -> list[str]:
        return [str(r["answer"]) for r in self.rows if r.get("answer") is not None]

    @property
    def answer_column(self) -> str:
        return self.roles.get("label") or self.roles.get("assistant") or self.roles.get("chosen") or ""


def choose(seen: Seen) -> tuple[str, str]:
    """(key of the template, reason); ('', reason) for rows without answers, whose task nothing shows."""
    if not seen.answers:
        return "", "no row has an answer, so nothing shows what the task is"
    for key, rule in RULES:
        if why := rule(seen):
            return key, why
    return "question_answer", seen.kind_why or "each row has a question and an answer"


def _extraction(s: Seen) -> str:
    fields = [c for r, c in s.roles.items() if r.startswith("field:")]
    if fields:
        return f"{', '.join(fields[:4])} {'are fields' if len(fields) > 1 else 'is a field'} of the answer"
    shapes = {type(_json(a)) for a in s.answers}
    return f"the answers are JSON {'objects' if shapes == {dict} else 'lists'}" if shapes in ({dict}, {list}) else ""


def _json(answer: str) -> Any:
    """The value of an answer that is a JSON list or object, else None."""
    if answer.strip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        return None


def _code(s: Seen) -> str:
    named = next((c for c in s.columns if c.lower() in CODE_COLUMNS), "")
    if named:
        return f'there is a column "{named}"'
    share = sum(bool("```" in a or CODE.search(a)) for a in s.answers) / len(s.answers)
    return f"{share:.0%} of the first answers hold code" if share >= 0.6 else ""


def _translation(s: Seen) -> str:
    asked, said = language_of(s.roles.get("user", "")), language_of(s.answer_column)
    if asked and said and asked != said:
        return f"the columns are named after {asked} and {said}"
    return "the answers stand in a column named translation" if s.answer_column.lower() == "translation" else ""


def _summary(s: Seen) -> str:
    return f'the answers stand in "{s.answer_column}"' if s.answer_column.lower() in SUMMARY_COLUMNS else ""


def _reasoning(s: Seen) -> str:
    if "rationale" in s.roles:
        return f'"{s.roles["rationale"]}" holds the steps to the answer'
    marked = sum(bool(RESULT.search(a)) for a in s.answers) / len(s.answers)
    if marked >= 0.8:
        return f"{marked:.0%} of the first answers end in a marked result"
    numeric = sum(bool(NUMERIC.fullmatch(a.strip())) for a in s.answers) / len(s.answers)
    few = len({a.strip() for a in s.answers}) <= 3
    return f"{numeric:.0%} of the first answers are numbers" if numeric >= 0.9 and not few else ""


def _chat(s: Seen) -> str:
    if "messages" not in s.roles:
        return ""
    turns = max((sum(m["role"] == "user" for m in r["messages"]) for r in s.rows), default=1)
    return f"conversations of up to {turns} questions each" if turns > 1 else "the rows are conversations"


def _classification(s: Seen) -> str:
    return s.kind_why if s.kind == "classification" or "label" in s.roles else ""


RULES: tuple[tuple[str, Callable[[Seen], str]], ...] = (
    ("extraction", _extraction),
    ("code", _code),
    ("translation", _translation),
    ("summary", _summary),
    ("reasoning", _reasoning),
    ("chat", _chat),
    ("classification", _classification),
)


def template_of(found: Findings, options: Options) -> dict[str, str]:
    """The template of a file's rows: {key, title, why, found, instruction, answer, answer_words, metric, metric_why}.

    `found`: the key the rules chose, whatever a person chose. `instruction`: what the template proposes; nothing of it
    is applied unless Options.instruction says so.
    """
    seen = Seen(
        found.form, found.task.get("kind", ""), found.task.get("why", ""), found.roles, [c["name"] for c in found.columns], found.rows
    )  # fmt: skip
    key, why = choose(seen)
    chosen = options.task or key
    if chosen not in TEMPLATES:
        return {"key": "", "title": "", "why": why, "found": key}
    task = TEMPLATES[chosen]
    metric, metric_why = task.metric, task.metric_why
    numeric = sum(bool(NUMBER_LAST.search(a.strip())) for a in seen.answers)
    if chosen == "reasoning" and numeric < 0.9 * len(seen.answers):
        metric, metric_why = "exact_match", "the results are no numbers, so the answer must be the same text"
    return {
        "key": chosen,
        "title": task.title,
        "why": why if chosen == key else "chosen by a person",
        "found": key,
        "instruction": proposal(task.instruction, seen),
        "answer": task.answer,
        "answer_words": task.answer_words,
        "metric": metric,
        "metric_why": metric_why,
    }


def proposal(instruction: str, seen: Seen) -> str:
    """The template's instruction, without what these rows cannot fill in."""
    if "{{source_language}}" in instruction and not (
        language_of(seen.roles.get("user", "")) and language_of(seen.answer_column)
    ):
        return instruction.replace(" from {{source_language}} to {{target_language}}", "")
    if "{{fields}}" in instruction and not any(r.startswith("field:") for r in seen.roles):
        return _json_instruction(seen)
    if "{{labels}}" in instruction and seen.kind != "classification":
        return "Classify the text. Answer with the label alone."
    return instruction


def _json_instruction(seen: Seen) -> str:
    """In words what the first answers look like: an object, or a list of objects with these keys."""
    found = [_json(a) for a in seen.answers]
    one = [x for f in found for x in (f if isinstance(f, list) else [f]) if isinstance(x, dict)]
    keys = ", ".join(dict.fromkeys(k for x in one for k in x))
    if any(isinstance(f, list) for f in found):
        of = f" of objects with {keys}" if keys else ""
        return f"Extract from the text what is asked for. Answer with a JSON list{of} and nothing else; with [] where the text has none."
    return f"Extract from the text what is asked for. Answer with one JSON object{f' with {keys}' if keys else ''} and nothing else."
