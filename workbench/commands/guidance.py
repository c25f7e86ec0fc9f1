"""workbench verdict TEACHER STUDENT; advise QUESTION=ANSWER ...; templates [ID]; dry-run recipe.yaml"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.client import Api, Refused

MARKS = {"ok": "fits", "note": "note", "warning": "careful", "blocked": "blocked"}


def register(add: Callable[[str, Any, str], argparse.ArgumentParser]) -> None:
    p = add("verdict", verdict, "can this teacher teach this student?")
    p.add_argument("teacher", metavar="TEACHER")
    p.add_argument("student", metavar="STUDENT")
    p = add("advise", advise, "rank the methods for your answers; without answers, the questions")
    p.add_argument("answers", nargs="*", metavar="QUESTION=ANSWER", help="for example access=weights task=chat")
    p.add_argument("--most", type=int, default=5, help="how many methods (5)")
    p = add("templates", templates, "starting recipes; with an id, its recipe as JSON, which submit takes")
    p.add_argument("template", nargs="?", metavar="ID")
    p = add("dry-run", dry_run, "take two real steps of a recipe and say what they cost")
    p.add_argument("recipe", help="YAML or JSON file, - for standard input")


def verdict(args: argparse.Namespace) -> int:
    from workbench.cli import OK, show

    found = Api.from_config().get("/verdict", teacher=args.teacher, student=args.student)
    show(found["headline"])
    for item in found["items"]:
        show(f"{MARKS[item['state']]:8} {item['topic']}: {item['word']}. {item['text']}")
        if item["advice"]:
            show(f"{'':8} -> {item['advice']}")
    return OK


def advise(args: argparse.Namespace) -> int:
    from workbench.cli import OK, show

    api = Api.from_config()
    if not args.answers:
        for question in api.get("/advice"):
            show(f"{question['id']}: {question['title']}")
            for answer in question["answers"]:
                show(f"    {question['id']}={answer['id']:12} {answer['title']}")
        return OK
    body = {"answers": dict(_answer(text) for text in args.answers), "most": args.most}
    for place, found in enumerate(api.call("POST", "/advice", json=body), 1):
        show(f"{place}. {found['title']} ({found['id']}), {found['score']} points: {found['question']}")
        for reason in found["reasons"]:
            show(f"   {reason['text']} [{reason['paper']}: {reason['url']}]")
    return OK


def _answer(text: str) -> tuple[str, str]:
    question, equals, answer = text.partition("=")
    if not equals:
        raise Refused(
            {"message": f"{text!r} is no answer.", "hint": "Write QUESTION=ANSWER, for example access=weights."}, 422
        )
    return question, answer


def templates(args: argparse.Namespace) -> int:
    from workbench.cli import OK, show, table

    api = Api.from_config()
    if args.template:
        found = api.get(f"/templates/{args.template}")
        show(json.dumps({"version": 1, **found["recipe"]}, indent=1, ensure_ascii=False))
        return OK
    rows = [[t["id"], t["title"], t["recipe"]["method"], t["about"]] for t in api.get("/templates")]
    show(table(rows, ["TEMPLATE", "TITLE", "METHOD", "ABOUT"]))
    return OK


def dry_run(args: argparse.Namespace) -> int:
    from workbench.cli import follow, show

    api = Api.from_config()
    text = sys.stdin.read() if args.recipe == "-" else Path(args.recipe).read_text(encoding="utf-8")
    run = api.call("POST", "/dry-runs", json={"recipe": text})
    code = follow(api, run)
    if code == 0:
        _say(api.get(f"/runs/{run['id']}/report"), show)
    return code


def _say(found: dict[str, Any], show: Callable[[str], None]) -> None:
    for alarm in found.get("alarms") or []:
        show(f"! {alarm}")
    for stage in found["stages"]:
        show(f"{stage['name']}: {stage['seconds_per_step']:.3g} s a step")
    whole = f"about {found['seconds_estimate']:,.0f} s in all" if found.get("seconds_estimate") is not None else ""
    show(f"Measured: {found['peak_memory_bytes'] / 2**20:,.0f} MiB at most{', ' if whole else ''}{whole}.")
