"""workbench datasets transform KEY --steps steps.yaml [--preview]; datasets diff KEY OLD NEW; datasets lineage KEY"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from workbench.client import Api, Refused

ACTIONS = ("transform", "diff", "lineage", "transforms")


def options(p: argparse.ArgumentParser) -> None:
    """What `workbench datasets` takes for the actions of this module."""
    p.add_argument("--steps", metavar="FILE", help="transform: YAML or JSON with a list of steps; - for standard input")
    p.add_argument("--replay", metavar="KEY@N", help="transform: the steps that made this version, instead of a file")
    p.add_argument("--version", type=int, help="transform: the version to start from; default: the newest")
    p.add_argument("--preview", action="store_true", help="transform: say what would happen and make nothing")


def run(args: argparse.Namespace) -> int:
    api = Api.from_config()
    if args.action == "transforms":
        return _kinds(api)
    if not args.file:
        raise Refused({"message": f"Say which dataset: workbench datasets {args.action} KEY"}, 422)
    return {"transform": _transform, "diff": _diff, "lineage": _lineage}[args.action](api, args)


def _kinds(api: Api) -> int:
    from workbench.cli import OK, show, table

    show(table([[k["kind"], k["title"], k["summary"]] for k in api.get("/transforms")], ["KIND", "TITLE", "DOES"]))
    return OK


def _dataset(api: Api, key: str) -> dict[str, Any]:
    found = [d for d in api.get("/datasets") if d["key"] == key]
    if not found:
        raise Refused({"message": f"There is no dataset {key}.", "hint": "See: workbench datasets"}, 404)
    return dict(min(found, key=lambda d: d["shared"]))


def _number(text: str) -> int:
    if not text.isdecimal():
        raise Refused({"message": f"{text!r} is not the number of a version."}, 422)
    return int(text)


def _transform(api: Api, args: argparse.Namespace) -> int:
    from workbench.cli import OK, REFUSED, follow, show

    dataset = _dataset(api, args.file)
    number = args.version or max((v["number"] for v in dataset["versions"]), default=0)
    path, body = f"/datasets/{dataset['id']}/versions/{number}/transforms", _body(api, args)
    if args.preview:
        found = api.call("POST", f"{path}/preview", json=body)
        _say(found)
        return REFUSED if found["refusal"] else OK
    run = api.call("POST", path, json={**body, "title": args.title or ""})
    show(f"Run #{run['number']}: {run['title']}\n{api.url}{run['url']}")
    return follow(api, run)


def _body(api: Api, args: argparse.Namespace) -> dict[str, Any]:
    if args.replay:
        key, _, number = args.replay.rpartition("@")
        return {"replay": {"dataset": _dataset(api, key)["id"], "version": _number(number)}}
    if not args.steps:
        raise Refused({"message": "Say which steps: --steps steps.yaml, or --replay KEY@N"}, 422)
    text = sys.stdin.read() if args.steps == "-" else Path(args.steps).read_text(encoding="utf-8")
    return {"yaml": text}


def _say(found: dict[str, Any]) -> None:
    from workbench.cli import show, table

    rows = [
        [str(s["step"]), s["words"], *(f"{s[n]:,}" for n in ("in", "dropped", "changed", "added", "out"))]
        for s in found["steps"]
    ]
    show(table(rows, ["STEP", "WHAT", "IN", "DROPPED", "CHANGED", "ADDED", "OUT"]))
    for step in found["steps"]:
        for reason in step["reasons"][:10]:
            show(f"  step {step['step']}, {reason['what']}: {reason['rows']:,} rows, {reason['reason']}")
        for note in step["notes"]:
            show(f"  step {step['step']}: {note}")
    looked = "" if found["complete"] else f" (of the first {found['before']:,} of {found['total']:,} rows)"
    show(f"{found['before']:,} rows become {found['after']:,}{looked}. Nothing was made.")
    if found["refusal"]:
        show(f"! {found['refusal']['message']} {found['refusal'].get('hint') or ''}".rstrip())


def _diff(api: Api, args: argparse.Namespace) -> int:
    from workbench.cli import OK, show

    if len(args.more) != 2:
        raise Refused({"message": "Say which two versions: workbench datasets diff KEY 1 2"}, 422)
    old, new = map(_number, args.more)
    found = api.get(f"/datasets/{_dataset(api, args.file)['id']}/versions/{new}/diff", against=old)
    show(", ".join(f"{n:,} {kind}" for kind, n in found["counts"].items()))
    signs = {"same": "", "old": "-", "new": "+"}
    for row in found["rows"]:
        show(f"\n{row['kind']} {row['row_id']} (line {row['line']})")
        for part in row["parts"]:
            show(f"  {part['name']}: " + "".join(f"{signs[k]}[{t}]" if signs[k] else t for k, t in part["marks"]))
    if found["pages"] > 1:
        show(f"\nThe first {len(found['rows'])} of {found['matching']:,}; the page shows them all.")
    return OK


def _lineage(api: Api, args: argparse.Namespace) -> int:
    from workbench.cli import OK, show, table

    rows = [
        [str(n["number"]), n["parent"] or "a file", f"{n['rows']:,}", "; ".join(n["words"]) or "-"]
        for n in api.get(f"/datasets/{_dataset(api, args.file)['id']}/lineage")
    ]
    show(table(rows, ["VERSION", "FROM", "ROWS", "STEPS"]))
    return OK
