"""A teacher that answers every prompt of the catalogue's writers in its form, about rows it knows. For runs of all recipes."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from jobs.distill.judging.wording import SYSTEM
from tests.jobs.distill.systems import judged
from tests.jobs.distill.systems.sample_rows import Rows, question

WORDS = [
    "river",
    "stone",
    "light",
    "bread",
    "garden",
    "winter",
    "paper",
    "morning",
    "silver",
    "cloud",
    "engine",
    "market",
    "story",
    "window",
    "summer",
    "table",
]


class Voice:
    """`says(messages)`: the answer to the last turn. What is asked twice is answered in another way the second time."""

    def __init__(self, rows: Rows) -> None:
        self.known = sorted(((question(r), r) for r in rows), key=lambda k: -len(k[0]))
        self.labels = sorted({r["answer"] for r in rows if r["answer"]})
        self.counts, self.guard = Counter[str](), threading.Lock()

    def says(self, messages: list[dict[str, str]]) -> str:
        asked = messages[-1]["content"]
        with self.guard:
            self.counts[asked] += 1
            turn = self.counts[asked] - 1
        if messages[0]["content"] == SYSTEM:
            return _judgement(messages)
        whole = asked if self.row(asked) else "\n".join(m["content"] for m in messages)
        for phrase, form in FORMS:
            if phrase in asked:
                return form(self, whole, turn)
        return self.gold(asked) if turn == 0 else f"{self.gold(asked)}, {fresh(asked, turn, 2)}"

    def row(self, asked: str) -> dict[str, Any] | None:
        """The row whose question stands last in the text."""
        found = [(asked.rfind(q), row) for q, row in self.known if q in asked]
        return max(found, key=lambda f: f[0])[1] if found else None

    def gold(self, asked: str) -> str:
        row = self.row(asked)
        return str(row["answer"]) if row and row["answer"] else f"About {fresh(asked, 0, 4)}."


def fresh(text: str, turn: int, words: int) -> str:
    """Words that depend on the text and the turn alone."""
    seed = hashlib.sha256(f"{turn} {text}".encode()).digest()
    return " ".join(WORDS[b % len(WORDS)] for b in seed[:words])


def _judgement(messages: Sequence[dict[str, str]]) -> str:
    shown = judged.parts(list(messages))
    if "answer" in shown:
        return judged.score(judged.drawn(shown["answer"], 3, 10))
    a, b = shown["answer-A"], shown["answer-B"]
    return judged.choice("tie" if a == b else "A" if (len(a), a) > (len(b), b) else "B")


def _before(asked: str) -> str:
    """The text that stands before the line of dashes."""
    return asked.split("\n\n---")[0]


def _after(asked: str, word: str) -> str:
    """The line after the last occurrence of a word."""
    return asked.rsplit(word, 1)[1].strip().split("\n")[0]


# -- forms: (self, what is asked, how often it was asked before) -> text ------------------------------------------------


def _reasons(v: Voice, asked: str, turn: int) -> str:
    return f"Step {turn + 1}: {fresh(asked, turn, 3)}.\nAnswer: {v.gold(asked)}"


def _program(v: Voice, asked: str, turn: int) -> str:
    return f"```python\nresult = {v.gold(asked)}\nprint(result)\n```"


def _parts(v: Voice, asked: str, turn: int) -> str:
    gold = v.gold(asked)
    return f"Q1: What is given?\nA1: {fresh(asked, turn, 3)}\nQ2: What follows?\nA2: {gold}\nAnswer: {gold}"


def _next_step(v: Voice, asked: str, turn: int) -> str:
    return (f"First we look at the {fresh(asked, 0, 1)}.", f"It could be {fresh(asked, 1, 1)}.")[turn % 2]


def _finish(v: Voice, asked: str, turn: int) -> str:
    return "So it is 0.\nAnswer: 0" if "It could be" in asked else f"So we have it.\nAnswer: {v.gold(asked)}"


def _sections(v: Voice, asked: str, turn: int) -> str:
    listed = asked.split("order:\n" if "order:\n" in asked else "colon:\n")[1].split("\n\n")[0]
    heads = [line.strip("-• ").rstrip(":") for line in listed.splitlines()]
    return "\n".join(f"{head}: {fresh(asked, n, 4)}." for n, head in enumerate(heads))


def _chain(v: Voice, asked: str, turn: int) -> str:
    return f"We look.\nReflection: It is so.\nAnswer: {v.gold(asked)}"


def _dialogue(v: Voice, asked: str, turn: int) -> str:
    turns = [("user", "What is this about?"), ("assistant", _before(asked)), ("user", "Is that all?")]
    return json.dumps({"turns": [{"role": r, "content": c} for r, c in [*turns, ("assistant", "It is.")]]})


def _triplet(v: Voice, asked: str, turn: int) -> str:
    name = "f" + hashlib.sha256(asked.encode()).hexdigest()[:6]
    return (
        f"```python\ndef {name}(x):\n    return x + {len(asked)}\n```\nTESTS\n"
        f"```python\ndef test_it():\n    assert {name}(1) == {len(asked) + 1}\n```"
    )


def _genres(v: Voice, asked: str, turn: int) -> str:
    count = int(re.search(r"Name (\d+) pairs", asked)[1])  # type: ignore[index]
    pairs = [("tale", "children"), ("news report", "sailors"), ("guide", "cooks"), ("letter", "old friends")]
    return json.dumps({"items": [{"genre": g, "audience": a} for g, a in pairs[:count]]})


def _comparison(v: Voice, asked: str, turn: int) -> str:
    a, b, by = re.search(r"Compare (.+) and (.+) by this property: (.+)\.", asked).groups()  # type: ignore[union-attr]
    first, second = sorted((a, b))
    return json.dumps({"statement": f"Compared to {second}, {first} has more {by}.", "more": first})


def _retrieved(v: Voice, asked: str, turn: int) -> str:
    source = asked.split("Material from elsewhere:\n\n")[1].split("\n\n---")[0]
    return json.dumps({"question": f"{source} How much?", "rationale": "It says so.", "answer": "7"})


def _structure(v: Voice, asked: str, turn: int) -> str:
    numbers = [int(n) for n in re.findall(r"^\[(\d+)\]", _before(asked), re.MULTILINE)]
    described = [{"text": fresh(asked, 0, 3), "sentences": numbers}]
    return json.dumps({"scope": "A sum.", "aspects": [{"aspect": "steps", "descriptions": described}]})


def _facts(v: Voice, asked: str, turn: int) -> str:
    stated = [line.split(" | ") for line in asked.splitlines() if line.count(" | ") == 2]
    return " ".join(f"{s} has {r} {o}." for s, r, o in stated)


def _simple(v: Voice, asked: str, turn: int) -> str:
    allowed = asked.rsplit("words such as:\n", 1)[1].split("\n\n")[0].split(", ")
    return " ".join(allowed[:6]) + "."


def _entities(v: Voice, asked: str, turn: int) -> str:
    names = list(dict.fromkeys(re.findall(r"\b[A-Z][a-z]+\b", _before(asked))))[:3]
    numbers = list(dict.fromkeys(re.findall(r"\b\d+\b", _before(asked))))[:3]
    items = [{"entity": n, "type": "name"} for n in names] + [{"entity": n, "type": "number"} for n in numbers]
    return json.dumps({"items": items})


def _meta(v: Voice, asked: str, turn: int) -> str:
    form = re.findall(r'"([a-z ]+)": \["\.\.\."\]', asked)
    return json.dumps({name: [fresh(asked, n, 1)] for n, name in enumerate(form)})


def _similar(v: Voice, asked: str, turn: int) -> str:
    return f"Question: What is {fresh(asked, turn, 5)}?\nAnswer: {_after(asked, 'Right answer:')}"


def _weak_spots(v: Voice, asked: str, turn: int) -> str:
    label = re.search(r"Texts whose label is (.+) and for which", asked)[1]  # type: ignore[index]
    return json.dumps({"items": [{"text": fresh(asked, turn + n, 6), "label": label} for n in range(2)]})


def _label(v: Voice, asked: str, turn: int) -> str:
    return str(v.labels[len(asked) % len(v.labels)])


def _variants(v: Voice, asked: str, turn: int) -> str:
    k = len(asked) % 50
    return f"1. What is {k} plus 1? || {k} + 1\n2. What is {k} plus 2? || {k} + 2"


def _generic(v: Voice, asked: str, turn: int) -> str:
    word = re.findall(r"[A-Za-z]{4,}", asked.split("Text: ", 1)[1])[0]
    return f"{word} => {fresh(asked, 0, 1)}"


def _pair(v: Voice, asked: str, turn: int) -> str:
    return json.dumps({"question": f"What is said of {fresh(asked, 0, 2)}?", "answer": _before(asked).split(".")[0]})


def _spans(v: Voice, asked: str, turn: int) -> str:
    row = v.row(asked)
    if row and row["answer"]:
        return str(row["answer"])
    kind = json.loads(v.labels[0])[0]["type"]
    return json.dumps([{"type": kind, "text": question(row).split()[0]}] if row else [])


def _passage(v: Voice, asked: str, turn: int) -> str:
    """With examples the passage that is looked for, without any another one."""
    row = v.row(asked)
    found = row and json.loads(row["fields"]).get("privileged")
    return found if found and asked.count("Answer:") > 1 else f"{fresh(asked, turn, 6)}."


def _continued(v: Voice, asked: str, turn: int) -> str:
    """A long sentence and what follows from it, in turn."""
    told = fresh(asked, 0, 3)
    return (f"The {told} were seen by all of us in the morning.", f"The {told} were seen.")[turn % 2]


def _sentence(v: Voice, asked: str, turn: int) -> str:
    return f"{asked.splitlines()[-1]} {fresh(asked, turn, 3)}."


def _tool(v: Voice, asked: str, turn: int) -> str:
    call = {"name": "calculator", "arguments": {"expression": f"{v.gold(asked)} * 1"}}
    return f"<tool_call>{json.dumps(call)}</tool_call>"


def text(words: int, start: str = "") -> Callable[[Voice, str, int], str]:
    return lambda v, asked, turn: f"{start}{fresh(asked, turn, words)}."


def always(said: str) -> Callable[[Voice, str, int], str]:
    return lambda v, asked, turn: said


FORMS: list[tuple[str, Callable[[Voice, str, int], str]]] = [
    ("Write a short Python program", _program),
    ("Take the problem apart", _parts),
    ("Solve it. Use the calculator", _tool),
    ("<tool_response>", _reasons),
    ("Write the next step of the solution", _next_step),
    ("finish the solution", _finish),
    ("Think step by step", _reasons),
    ("Explain in a few steps why", text(6, "Because of ")),
    ("Write the reasoning this student needs", _reasons),
    ("Write the explanation", _sections),
    ("Under Plan say how", _chain),
    ("First reason about the table", lambda v, asked, turn: f"It is so.\nDescription: {fresh(asked, 0, 4)}."),
    ("Turn this text into a conversation", _dialogue),
    ("Write the whole conversation again", _dialogue),
    ("Which skills does a good answer", lambda v, asked, turn: json.dumps({"skills": fresh(asked, 0, 2).split()})),
    ("Write a solution in Python and tests", _triplet),
    ("pairs of a genre", _genres),
    ("Write one general statement", _comparison),
    ("Make one new row of the task", _retrieved),
    ("Put this text in order", _structure),
    ("states exactly these facts", _facts),
    ("Write the text again so that it states all facts", _facts),
    ("words such as:\n", _simple),
    ("List every entity of this passage", _entities),
    ("Describe the question in general terms", _meta),
    ("Answer from the documents alone", text(4, "See [1] and [2]: ")),
    ("Write exactly:\nQuestion:", _similar),
    ("Texts whose label is", _weak_spots),
    ("Write the label alone", _label),
    ("exactly as it is written above", _label),
    ("Do not name the labels", text(7)),
    ("List the entities of the text", _spans),
    ("Write a short passage that answers", _passage),
    ("Does the claim follow from the text", always("Yes")),
    ("Read on:", _continued),
    ("easier variants", _variants),
    ("particular => ordinary", _generic),
    ("name what it is about, so that only this passage", _pair),
    ("Complete the sentence", _sentence),
    ("Touch only what is noise", always("keep_doc()")),
    ("Judge each answer on its own", always('{"draft": "reject", "refined": "accept", "why": "the draft lacks a part"}')),
    ("Translate from", text(4)),
    ("Translate into", always("This is the news of the day and it is in the house with us.")),
    ("whole number from 1 to 10", always("It serves.\nScore: 7")),
    ("Write one new question", text(6, "What about ")),
    ("Write one question", text(6, "What of ")),
    ("Write a request", text(6, "Please compare ")),
    ("Write a passage of a textbook", text(20)),
    ("Tell this again", text(20)),
]  # fmt: skip
