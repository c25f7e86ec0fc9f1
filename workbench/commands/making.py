"""workbench rows RUN | gate RUN [--lay-out | --desk | --go-on [N]] | end-rounds RUN: what a run writes, and the review it waits for."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from workbench.client import Api

NEXT = {
    "lay": "Lay the rows out: workbench gate {n} --lay-out",
    "laying": "The rows are being made a dataset.",
    "look": "Decide at the desk: workbench gate {n} --desk",
    "go": "Go on: workbench gate {n} --go-on",
}


def register(add: Callable[..., argparse.ArgumentParser]) -> None:
    add("rows", rows, "rows a run made and left out, by stage").add_argument("run")
    p = add("gate", gate, "the review a run waits for: lay its rows out, open the desk, go on")
    p.add_argument("run")
    p.add_argument("--lay-out", action="store_true", help="make the waiting rows a dataset")
    p.add_argument("--desk", action="store_true", help="the address of the desk over them")
    p.add_argument(
        "--go-on",
        nargs="?",
        type=int,
        const=None,
        default=False,
        metavar="N",
        help="go on with version N; default: the newest",
    )
    add("end-rounds", end_rounds, "begin no further round; the run goes on to its report").add_argument("run")


def rows(args: argparse.Namespace) -> int:
    from workbench.cli import OK, show, table

    api = Api.from_config()
    found = api.get(f"/runs/{api.run(args.run)['id']}/rows")
    lines = [
        [s["name"], f"{s['made']:,}", f"{s['rejected']:,}", f"{s['rows']:,}", ", ".join(f"{c} {n:,}" for c, n in s["reasons"].items())]
        for s in found
    ]  # fmt: skip
    show(table(lines, ["STAGE", "MADE", "LEFT OUT", "ROWS AFTER", "WHY"]) or "This run made no rows.")
    return OK


def gate(args: argparse.Namespace) -> int:
    from workbench.cli import OK, follow, show

    api = Api.from_config()
    run = api.run(args.run)
    if args.lay_out:
        return int(follow(api, api.call("POST", f"/runs/{run['id']}/review/rows")))
    if args.desk:
        desk = api.call("POST", f"/runs/{run['id']}/review/desk")
        show(f"{api.url}{desk['url']}")
        return OK
    if args.go_on is not False:  # None: the newest
        gone = api.call("POST", f"/runs/{run['id']}/review/go-on", json={"version": args.go_on})
        show(f"Run #{gone['number']} goes on.")
        return OK
    found = api.get(f"/runs/{run['id']}/review")
    numbers = ", ".join(map(str, found["versions"]))
    show(f"'{found['stage']}': {found['rows']:,} rows wait. {found['note']}".strip())
    show(NEXT[found["step"]].format(n=run["number"]) + (f" (versions {numbers})" if numbers else ""))
    return OK


def end_rounds(args: argparse.Namespace) -> int:
    from workbench.cli import OK, show

    api = Api.from_config()
    run = api.call("POST", f"/runs/{api.run(args.run)['id']}/end-rounds")
    show(f"Run #{run['number']} begins no further round.")
    return OK
