"""workbench sweep recipe.yaml --set student.adapter.rank=8,16,32 [--race 2 --rounds 3] [--yes]; workbench sweeps [ID]"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.client import Api


def register(add: Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]) -> None:
    p = add("sweep", start, "try several values of a recipe's fields: count and cost first, started with --yes")
    p.add_argument("recipe", help="YAML or JSON file, - for standard input")
    p.add_argument(
        "--set",
        action="append",
        default=[],
        type=_axis,
        metavar="FIELD=V,V",
        required=True,
        help="repeat for more fields",
    )
    p.add_argument(
        "--list", action="store_true", help="first values together, second together ..., instead of every combination"
    )
    p.add_argument("--race", type=int, metavar="K", help="after each round one setting in K goes on")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--title", default="")
    p.add_argument("--key", help="idempotency key: the same key gives the same sweep")
    p.add_argument("--yes", action="store_true", help="start it; without this only count and cost are shown")
    p = add("sweeps", show_sweeps, "sweeps of your team, or one with its settings, or stop one")
    p.add_argument("sweep", nargs="?", help="id")
    p.add_argument("--stop", action="store_true")


def _axis(text: str) -> dict[str, str]:
    path, equals, values = text.partition("=")
    if not equals or not path or not values:
        raise argparse.ArgumentTypeError(f"{text!r} does not have the form field=value,value")
    return {"path": path, "text": values}


def start(args: argparse.Namespace) -> int:
    from workbench.cli import OK, REFUSED, show, table

    api = Api.from_config()
    text = sys.stdin.read() if args.recipe == "-" else Path(args.recipe).read_text(encoding="utf-8")
    body: dict[str, Any] = {
        "recipe": text,
        "axes": args.set,
        "mode": "list" if args.list else "grid",
        "title": args.title,
    }
    if args.race:
        body["race"] = {"keep": args.race, "rounds": args.rounds}
    cost = api.call("POST", "/sweeps/cost", json=body)
    rounds = [
        [str(r["number"]), str(r["settings"]), f"{r['share']:.0%}", f"{r['seconds']:.0f} s"] for r in cost["rounds"]
    ]
    show(table(rounds, ["ROUND", "SETTINGS", "TRAINING", "ABOUT"]))
    show(f"{cost['runs']} runs, about {cost['seconds']:.0f} s of work on one slot.")
    for s in cost["refused"]:
        show(f"! {json.dumps(s['changes'])}: {s['problems'][0]['message']}")
    if cost["refused"] or not args.yes:
        show("Nothing was started." + ("" if cost["refused"] else " Start it with --yes."))
        return REFUSED if cost["refused"] else OK
    made = api.call("POST", "/sweeps", json=body, headers={"Idempotency-Key": args.key or str(uuid.uuid4())})
    show(f"Sweep {made['id']}: {made['title']}\n{api.url}{made['url']}")
    return OK


def show_sweeps(args: argparse.Namespace) -> int:
    from workbench.cli import OK, score, show, table

    api = Api.from_config()
    if args.sweep is None:
        rows = [[s["id"], s["title"][:40], s["state"], f"{s['ended']} of {s['runs']}"] for s in api.get("/sweeps")]
        show(table(rows, ["SWEEP", "TITLE", "STATE", "RUNS ENDED"]) or "No sweeps yet.")
        return OK
    if args.stop:
        found = api.call("POST", f"/sweeps/{args.sweep}/stop", json={})
        show("Stopped.")
    else:
        found = api.get(f"/sweeps/{args.sweep}")
    show(f"{found['title']}: {found['sentence']}")
    rows = [
        [str(s["place"] or "-"), s["words"], str(s["round"]), score(s["gap_closed"]), f"#{s['run']} {s['state']}"]
        for s in found["settings"]
    ]
    show(table(rows, ["PLACE", "SETTING", "ROUND", "GAP CLOSED", "RUN"]))
    return OK
