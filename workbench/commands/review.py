"""workbench review [KEY_OR_DESK] [--open ORDER | --status | --export FILE | --import FILE | --finish]"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.client import Api, Refused

ORDERS = ("hints", "uncertainty", "disagreement", "score", "file", "random")
TAKEN = ("place", "row_id", "verdict", "answer", "messages", "paint", "reason", "comment")
REPLAYED = ("accept", "edit", "relabel", "paint", "reject", "skip", "comment")


def register(add: Callable[..., argparse.ArgumentParser]) -> None:
    p = add("review", run, "review desks: list, set up, export and import decisions, make a version")
    p.add_argument("target", nargs="?", metavar="KEY_OR_DESK", help="a dataset (its newest desk), or the id of a desk")
    p.add_argument(
        "--open", choices=ORDERS, metavar="ORDER", help=f"set a desk up over the dataset: {', '.join(ORDERS)}"
    )
    p.add_argument("--version", type=int, help="--open: the version; default: the newest")
    p.add_argument("--run", help="--open: the run whose outcomes order the rows")
    p.add_argument("--limit", type=int, default=500, help="--open: at most so many rows (500)")
    p.add_argument("--two", action="store_true", help="--open: each row is decided by two people")
    p.add_argument("--status", action="store_true", help="counts and agreement of the desk")
    p.add_argument("--export", metavar="FILE", help="write every decision as JSON lines; - for standard output")
    p.add_argument("--import", dest="take", metavar="FILE", help="take decisions from JSON lines; - for standard input")
    p.add_argument("--finish", action="store_true", help="make a new version from the decisions")
    p.add_argument("--drop-unreviewed", action="store_true", help="--finish: only reviewed rows stay")


def run(args: argparse.Namespace) -> int:
    from workbench.cli import OK, show, table

    api = Api.from_config()
    if args.open:
        return _open(api, args)
    if args.status or args.export or args.take or args.finish:
        desk = _desk(api, args.target)
        if args.take:
            return _take(api, desk, args.take)
        if args.export:
            return _export(api, desk, args.export)
        return _finish(api, desk, args.drop_unreviewed) if args.finish else _status(api, desk)
    found = api.get("/reviews", **({"dataset": args.target} if args.target else {}))
    rows = [
        [
            d["id"],
            f"{d['dataset']}@{d['version']}",
            d["order"],
            str(d["seats"]),
            _done(d),
            str(d["counts"]["conflicts"]),
        ]
        for d in found
    ]
    show(table(rows, ["DESK", "DATASET", "ORDER", "PEOPLE", "DECIDED", "CONFLICTS"]) or "No review desks yet.")
    return OK


def _done(desk: dict[str, Any]) -> str:
    return f"{desk['counts']['decided']:,} of {desk['counts']['rows']:,}"


def _desk(api: Api, target: str | None) -> dict[str, Any]:
    """The desk with this id, or the newest over this dataset."""
    if not target:
        raise Refused({"message": "Say which desk or dataset: workbench review KEY_OR_DESK --status"}, 422)
    try:
        return dict(api.get(f"/reviews/{uuid.UUID(target)}"))
    except ValueError:
        found = api.get("/reviews", dataset=target)
    if not found:
        raise Refused(
            {"message": f"There is no desk over {target}.", "hint": f"workbench review {target} --open file"}, 404
        )
    return dict(found[0])


def _open(api: Api, args: argparse.Namespace) -> int:
    from workbench.cli import OK, show

    if not args.target:
        raise Refused({"message": "Say which dataset: workbench review KEY --open ORDER"}, 422)
    body: dict[str, Any] = {
        "dataset": args.target,
        "order": args.open,
        "limit": args.limit,
        "seats": 2 if args.two else 1,
    }
    if args.version:
        body["number"] = args.version
    if args.run:
        body["run"] = api.run(args.run)["id"]
    desk = api.call("POST", "/reviews", json=body)
    show(f"{desk['id']}  {desk['counts']['rows']:,} rows. {desk['note']}\n{api.url}/review/{desk['id']}/")
    return OK


def _status(api: Api, desk: dict[str, Any]) -> int:
    from workbench.cli import OK, show, table

    counts = desk["counts"]
    words = ("accept", "edit", "relabel", "paint", "reject", "open", "conflicts")
    show(f"{desk['title']}: {_done(desk)} decided, {desk['left']:,} left for you.")
    show(table([[str(counts[w]) for w in words]], [w.upper() for w in words]))
    if desk["seats"] == 2:
        found = api.get(f"/reviews/{desk['id']}/agreement")
        show(
            f"Same outcome {_estimate(found['same'])}; kappa {_estimate(found['kappa'])}; {found['rows']:,} rows decided by both."
        )
    return OK


def _estimate(value: dict[str, Any]) -> str:
    if value["value"] is None:
        return f"- ({value.get('why', '')})"
    return f"{value['value']:.2f} [{value['low']:.2f}, {value['high']:.2f}]"


def _export(api: Api, desk: dict[str, Any], target: str) -> int:
    from workbench.cli import OK, show

    lines = api.get(f"/reviews/{desk['id']}/decisions")
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    if target == "-":
        sys.stdout.write(text)
        return OK
    Path(target).write_text(text, encoding="utf-8")
    show(f"{target}: {len(lines):,} decisions.")
    return OK


def _take(api: Api, desk: dict[str, Any], source: str) -> int:
    """Takes lines as --export writes them (what counts is `new`), or with answer, messages and paint beside the verdict."""
    from workbench.cli import OK, REFUSED, show

    text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    read = _read(text)
    undone = {given.get("undoes") for given in read} - {None}
    lines, skipped = [], 0
    for given in read:
        if given.get("verdict") not in REPLAYED or given.get("id") in undone:
            skipped += 1
            continue
        lines.append({k: v for k, v in {**(given.get("new") or {}), **given}.items() if k in TAKEN and v is not None})
    if not lines:
        raise Refused({"message": f"{source} holds no decision."}, 422)
    found = api.call("POST", f"/reviews/{desk['id']}/decisions", json={"decisions": lines})
    show(
        f"{found['taken']:,} of {len(lines):,} decisions taken{f'; {skipped} undone lines left out' if skipped else ''}."
    )
    for problem in found["problems"]:
        show(problem)
    return REFUSED if found["problems"] else OK


def _read(text: str) -> list[dict[str, Any]]:
    out = []
    for n, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
        except ValueError as e:
            raise Refused({"message": f"Line {n} is not JSON: {e}."}, 422) from None
        if not isinstance(given, dict):
            raise Refused({"message": f"Line {n} is no object."}, 422)
        out.append(given)
    return out


def _finish(api: Api, desk: dict[str, Any], drop: bool) -> int:
    from workbench.cli import follow, show

    run = api.call("POST", f"/reviews/{desk['id']}/finish", json={"unreviewed": "drop" if drop else "keep"})
    show(f"Run #{run['number']}: {run['title']}\n{api.url}{run['url']}")
    return int(follow(api, run))
