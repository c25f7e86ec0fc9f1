"""Commands that help to decide: verdict (can this teacher teach this student?) and advise (which method?)."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..errors import RecipeInvalid
from ..plan.facts import ModelFacts
from ..plan.result import Verdict

MARKS = {"ok": "fits", "note": "note", "warning": "careful", "blocked": "blocked"}


def add(commands: Any) -> None:
    about = "compare teacher and student from tokenizers and configs alone"
    verdict = commands.add_parser("verdict", help=about, description=f"{about.capitalize()}.")
    for who in ("teacher", "student"):
        verdict.add_argument(who, metavar=who.upper(), help="a folder, sample/... or a model of the hub")
    verdict.add_argument("--json", action="store_true")
    verdict.set_defaults(run=_verdict)
    about = "rank the methods for what you have; without answers, list the questions"
    advise = commands.add_parser("advise", help=about, description=f"{about.capitalize()}.")
    advise.add_argument(
        "answers",
        nargs="*",
        metavar="QUESTION=ANSWER",
        help="for example access=weights task=chat; none lists them all",
    )
    advise.add_argument("--most", type=int, default=5, help="how many methods to show (5)")
    advise.add_argument("--json", action="store_true")
    advise.set_defaults(run=_advise)


def facts_of(name: str) -> ModelFacts:
    """A folder, or a model that is known or can be fetched; only headers are read. Raises ModelRejected."""
    from ..models.inspect import inspect_model
    from ..models.verbs import resolve

    folder = Path(name) if Path(name).is_dir() else resolve(name)
    return inspect_model(folder, name=name, hash_files=False)


def _verdict(given: argparse.Namespace) -> int:
    from ..plan.pairing import pairing

    found = pairing(facts_of(given.student), facts_of(given.teacher))
    print(found.model_dump_json(indent=1) if given.json else words(found))
    return 0


def words(found: Verdict) -> str:
    """The verdict for a terminal: a line a topic, what to do under it."""
    lines = [found.headline]
    for item in found.items:
        lines.append(f"{MARKS[item.state]:8} {item.topic}: {item.word}. {item.text}")
        lines += [f"{'':8} -> {item.advice}"] if item.advice else []
        lines += [f"{'':8}    {item.source}"] if item.source else []
    return "\n".join(lines)


def _advise(given: argparse.Namespace) -> int:
    from ..catalog.advice import QUESTIONS, advise

    answers = dict(_answer(text) for text in given.answers)
    if not answers:
        for question in QUESTIONS:
            print(f"{question.id}: {question.title}")
            print("\n".join(f"    {question.id}={a.id:12} {a.title}" for a in question.answers))
        return 0
    ranked = advise(answers)
    if given.json:
        print(json.dumps([r.model_dump(mode="json") for r in ranked[: given.most]], indent=1))
        return 0
    for place, choice in enumerate(ranked[: given.most], 1):
        print(f"{place}. {choice.title} ({choice.id}): {choice.question}")
        for reason in choice.reasons:
            print(f"   {reason.text} [{reason.paper}: {reason.url}]")
    return 0


def _answer(text: str) -> tuple[str, str]:
    question, equals, answer = text.partition("=")
    if not equals:
        raise RecipeInvalid(f"{text[:40]!r} is no answer.", hint="Write QUESTION=ANSWER, for example access=weights.")
    return question, answer
