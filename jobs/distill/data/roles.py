"""Which column is what. Found by name and content with the reason in words; a person confirms."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import DataRefused
from . import extras
from .answering import FIELD, verdict
from .strict_json import Number
from .tasks.instruction import language_of
from .words import split_word

ROLES: dict[str, str] = {
    "messages": "Conversation: a list of turns with role and content",
    "system": "System: instruction before the conversation",
    "user": "User: what the model is asked",
    "context": "Context: put under the user's text after a blank line, when not empty",
    "assistant": "Answer: what the model should say; empty means unlabelled",
    "label": "Label: an answer that is one of a few; empty means unlabelled",
    "chosen": "Chosen answer of a pair: the answer where there is no other column of answers",
    "rejected": "Rejected answer of a pair: for methods that learn from pairs; plain training leaves it out",
    "ranked": "Ranking: a list of answers, best first",
    "rationale": "Rationale: the reasoning behind the answer, for methods that teach it",
    "privileged": "Privileged: what only the teacher reads beside the question",
    "domain": "Domain: what kind of row it is, for methods that weigh domains",
    "weight": "Weight: how much the row counts in the loss, 1 where empty; true or false: is the answer good",
    "group": "Group: rows of one group belong together",
    "paint": "Painted spans: characters of the answer that are not learnt or weigh more, as [[start, end, weight], ...]",
    "soft": "Soft labels: what teachers say of each label, as {label: probability}, by teacher, or as a list of votes",
    "split": "Split: train or held out",
    "id": "Id: kept with the row",
}
USER = (
    "text",
    "prompt",
    "question",
    "query",
    "instruction",
    "input",
    "utterance",
    "sentence",
    "user",
    "source",
    "problem",
    "request",
    "review",
    "title",
    "body",
    "document",
    "article",
    "comment",
    "message",
)
ANSWER = (
    "label",
    "category",
    "answer",
    "completion",
    "response",
    "output",
    "intent",
    "class",
    "klass",
    "target",
    "assistant",
    "labels",
    "chosen",
    "sentiment",
    "tag",
    "solution",
    "ground_truth",
    "summary",
    "topic",
    "reply",
    "translation",
    "canonical_solution",
    "entities",
    "highlights",
    "similar",
    "is_duplicate",
    "gold_label",
)
TEXTUAL = ("answer", "completion", "response", "output", "reply", "solution")  # names of answers in words
LABELISH = ("label", "category", "labels", "class", "klass", "intent", "sentiment", "tag", "topic")
VERDICTS = ("label", "desirable", "is_good", "good", "kto_tag", "preferred", "is_correct")  # is the answer good?
PAIRS_OF_TEXTS = re.compile(r"^(.*?)[_ ]?([12ab])$", re.I)
SPLIT = ("split", "set", "subset", "partition", "fold")
ID = ("id", "idx", "index", "uuid", "guid", "row_id", "uid", "task_id")
CONVERSATION = ("messages", "conversations", "conversation", "dialogue", "dialog", "turns", "chat")


@dataclass
class Guess:
    roles: dict[str, str] = field(default_factory=dict)  # role -> column
    why: dict[str, str] = field(default_factory=dict)  # column -> reason
    form: str = ""


def guess(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> Guess:
    """Roles of the columns, with the reasons. A role stays out when nothing points to a column."""
    found, low = Guess(), {c.lower().strip(): c for c in reversed(columns)}

    def take(role: str, column: str, why: str) -> None:
        found.roles[role], found.why[column] = column, why

    pair = {low["chosen"], low["rejected"]} if {"chosen", "rejected"} <= set(low) else set()
    if talk := next((low[n] for n in CONVERSATION if n in low and _is_talk(low[n], rows)), None) or next(
        (c for c in columns if c not in pair and _is_talk(c, rows)), None
    ):
        first = next(r[talk] for r in rows if isinstance(r.get(talk), list) and r[talk])
        found.form = (
            "conversations (ShareGPT)"
            if isinstance(first[0], dict) and "from" in first[0]
            else "conversations (OpenAI messages)"
        )
        take("messages", talk, "a list of turns with a role and a text each")
        if "system" in low:
            take("system", low["system"], 'named "system"')
        if "chosen" in low and "rejected" in low:
            _pair(low, take)
            found.form = "preference pairs"
    elif "instruction" in low and ("output" in low or "response" in low):
        found.form = "instructions (Alpaca)"
        take("user", low["instruction"], "the instruction of the Alpaca form")
        take("assistant", low.get("output") or low["response"], "the output of the Alpaca form")
        if "input" in low:
            take("context", low["input"], "the input of the Alpaca form: goes under the instruction when not empty")
        if "system" in low:
            take("system", low["system"], 'named "system"')
    else:
        _by_name(found, low, columns, rows, take)
    _extras(found, low, rows, take)
    return found


def _by_name(
    found: Guess, low: dict[str, str], columns: Sequence[str], rows: Sequence[dict[str, Any]], take: Any
) -> None:
    _two_languages(columns, rows, take)
    if "user" not in found.roles:
        _two_texts(low, rows, take)
    for role, names in (("user", USER), ("assistant", ANSWER)):
        if role in found.roles:
            continue
        if name := next((n for n in names if n in low and low[n] not in found.why), None):
            take(role, low[name], f'named "{low[name]}"')
    _answer_in_words(found, low, rows, take)
    if "body" in low and "question" in low and found.roles.get("user") == low["question"]:
        take("user", low["body"], 'named "Body", with a question beside it')
        take("context", low["question"], "the question to the body: goes under it")
    if "rejected" in low and "chosen" in low:
        if found.roles.get("assistant") == low["chosen"]:
            del found.roles["assistant"]
        _pair(low, take)
        found.form = "preference pairs"
    if "system" in low:
        take("system", low["system"], 'named "system"')
    _by_content(found, low, columns, rows, take)
    _json_fields(found, columns, rows, take)
    if not found.form and "assistant" in found.roles:
        found.form = "question and answer"


def _two_languages(columns: Sequence[str], rows: Sequence[dict[str, Any]], take: Any) -> None:
    """Columns named after languages, and nothing else of text: a text and its translation."""
    named = {c: language_of(c) for c in columns if len(c) <= 40 and _texts(c, rows)}
    if len(named) > 4 or not all(named.values()) or len(set(named.values())) != 2:
        return
    asked, said = next(iter(named)), next(c for c in named if named[c] != named[next(iter(named))])
    others = sum(language == named[said] for language in named.values()) > 1
    take("user", asked, f"named after a language, {named[asked]}")
    take(
        "assistant",
        said,
        f"named after the other language, {named[said]}{'; the first of its columns' if others else ''}",
    )


def _two_texts(low: dict[str, str], rows: Sequence[dict[str, Any]], take: Any) -> None:
    """question_1 and question_2, sentence1 and sentence2, premise and hypothesis: judged together."""
    bases: dict[str, list[str]] = {}
    for name in low:
        if (match := PAIRS_OF_TEXTS.match(name)) and match.group(1) not in ("", "column") and _texts(low[name], rows):
            bases.setdefault(match.group(1), []).append(name)
    two = next((names for names in bases.values() if len(names) == 2), None)
    if two is None and {"premise", "hypothesis"} <= set(low):
        two = ["premise", "hypothesis"]
    if two:
        first, second = sorted(two) if two[0] != "premise" else two
        take("user", low[first], f'the first of two texts, beside "{low[second]}"')
        take("context", low[second], "the second of two texts: goes under the first")


def _answer_in_words(found: Guess, low: dict[str, str], rows: Sequence[dict[str, Any]], take: Any) -> None:
    """An answer in words stands before a category or a verdict beside it."""
    column = found.roles.get("assistant", "")
    if column.lower().strip() not in LABELISH:
        return
    better = next((low[n] for n in TEXTUAL if n in low and low[n] not in found.why and _texts(low[n], rows)), None)
    if better is None or _mean_length(better, rows) < 2 * _mean_length(column, rows):
        return
    del found.roles["assistant"], found.why[column]
    take("assistant", better, f'named "{better}": an answer in words beside the short "{column}"')
    if column.lower().strip() in ("category", "topic") and "domain" not in low:
        take("domain", column, f'named "{column}": the kind of question, as the answer stands in "{better}"')


def _json_fields(found: Guess, columns: Sequence[str], rows: Sequence[dict[str, Any]], take: Any) -> None:
    """Without a column of answers, columns of lists and objects are what is taken out of the text."""
    if "user" not in found.roles or {"assistant", "chosen"} & set(found.roles):
        return
    for column in columns:
        values = [v for r in rows if (v := r.get(column)) not in (None, "")]
        if column not in found.why and values and all(isinstance(v, (list, dict)) for v in values):
            take(FIELD + column, column, "holds lists or objects: a field of an answer in JSON")
            found.form = "extraction (fields as JSON)"


def _pair(low: dict[str, str], take: Any) -> None:
    for role in ("chosen", "rejected"):
        take(role, low[role], f'named "{low[role]}", with the other answer of the pair beside it')


def _by_content(
    found: Guess, low: dict[str, str], columns: Sequence[str], rows: Sequence[dict[str, Any]], take: Any
) -> None:
    """Two columns of text of which one is long and varied, the other short and repeated."""
    apart = {column for _, column, _ in extras.find(low, rows, found.why)}
    free = [
        c for c in columns if c not in found.why and c not in apart and c.lower() not in SPLIT + ID and _texts(c, rows)
    ]
    if not free or not rows:
        return
    if "user" not in found.roles and not _is_talk(found.roles.get("chosen", ""), rows):
        column = max(free, key=lambda c: _mean_length(c, rows))
        take("user", column, "the longest text of the columns" if len(free) > 1 else "the only column of text")
        free.remove(column)
    if not {"assistant", "chosen"} & set(found.roles) and len(free) == 1 and len(columns) <= 3:
        take("assistant", free[0], "the other column of text")


def _verdicts(found: Guess, low: dict[str, str], rows: Sequence[dict[str, Any]], take: Any) -> None:
    """A column of true and false beside an answer says whether the answer is good."""
    if "weight" in found.roles or not {"messages", "assistant", "chosen"} & set(found.roles):
        return
    for name in VERDICTS:
        column = low.get(name)
        values = [v for r in rows if (v := r.get(column or "")) not in (None, "")]
        if column and column not in found.why and values and all(verdict(v) is not None for v in values):
            take("weight", column, "true or false: is the answer good? A bad one is not learnt")
            return


def _extras(found: Guess, low: dict[str, str], rows: Sequence[dict[str, Any]], take: Any) -> None:
    _verdicts(found, low, rows, take)
    for role, extra, why in extras.find(low, rows, found.why):
        take(role, extra, why)
    for role, names in (("split", SPLIT), ("id", ID)):
        for name in names:
            column = low.get(name)
            if column and column not in found.why and (role == "id" or _is_split(column, rows)):
                take(role, column, f'named "{column}"' + (" and holds train and test" if role == "split" else ""))
                break


def _is_talk(column: str, rows: Sequence[dict[str, Any]]) -> bool:
    values = [v for r in rows[:50] if isinstance(v := r.get(column), list) and v]
    return bool(values) and all(
        isinstance(t, dict) and ("content" in t or "value" in t or "role" in t) for v in values[:5] for t in v
    )


def _is_split(column: str, rows: Sequence[dict[str, Any]]) -> bool:
    values = {str(r.get(column) or "") for r in rows} - {""}
    return bool(values) and all(split_word(v) for v in values)


def _texts(column: str, rows: Sequence[dict[str, Any]]) -> bool:
    return any(
        isinstance(r.get(column), str) and not isinstance(r.get(column), Number) and r[column].strip() for r in rows
    )


def _mean_length(column: str, rows: Sequence[dict[str, Any]]) -> float:
    return sum(len(r[column]) for r in rows if isinstance(r.get(column), str)) / max(1, len(rows))


def check(roles: dict[str, str], columns: Sequence[str]) -> None:
    """Raises DataRefused naming the first role or column that cannot be: unknown, missing, or used twice."""
    for role, column in roles.items():
        if role not in ROLES and not (role.startswith(FIELD) and role != FIELD):
            raise DataRefused(
                f"roles.{role}: there is no such role.",
                field=f"roles.{role}",
                hint=_near(role, ROLES) or f"One of {', '.join(ROLES)}.",
            )
        if column not in columns:
            shown = ", ".join(columns[:8])
            raise DataRefused(
                f'roles.{role}: there is no column "{column[:80]}".',
                field=f"roles.{role}",
                hint=_near(column, columns) or f"Columns: {shown}.",
            )
    twice = [c for c in roles.values() if list(roles.values()).count(c) > 1]
    if twice:
        raise DataRefused(f'The column "{twice[0][:80]}" has two roles.', field="roles", hint="One role a column.")
    if not {"messages", "user", "chosen"} & set(roles):
        raise DataRefused(
            "No column is the user's text.",
            field="roles.user",
            hint="Choose the column that holds what the model is asked: role User, or Conversation for lists of turns.",
        )
    said = [r for r in ("assistant", "label") if r in roles] + (
        ["field"] if any(r.startswith(FIELD) for r in roles) else []
    )
    if len(said) > 1:
        raise DataRefused(
            f"Two roles say what the answer is: {' and '.join(said)}.",
            field=f"roles.{said[1]}",
            hint="Choose one of them: an answer, a label, or fields of a JSON object.",
        )
    if "messages" in roles and (clash := {"user", "assistant", "label", "context"} & set(roles)):
        raise DataRefused(
            f"A conversation holds the {clash.pop()} turns itself.",
            field="roles",
            hint="Choose either Conversation, or User and Answer.",
        )


def _near(word: str, words: Any) -> str:
    close = difflib.get_close_matches(word, list(words), 1)
    return f'Did you mean "{close[0]}"?' if close else ""
