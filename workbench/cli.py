"""`workbench`: the workbench from a terminal, over its REST API. Needs only httpx; runs on any machine.

workbench login http://127.0.0.1:8000 --token wb_...      remember where, and who you are
workbench models | datasets                                what you may use
workbench datasets upload rows.csv ... [--title T] [--yes] send (goes on where it stopped), show what was found, import
workbench datasets paste - | fetch URL | hub ID            the same for pasted rows, an address, a dataset of the hub
workbench datasets copy KEY[@N] | outputs RUN WHO          start from another version; from what a run wrote
workbench datasets transform KEY --steps steps.yaml        filter, split, redact ... make the next version; --preview
workbench datasets profile KEY [--json]                    copies, overlap, noise, languages, lengths of the rows
workbench datasets contamination KEY --against KEY2        do the rows hold an evaluation set?
workbench submit recipe.yaml [--watch]                     start a run
workbench check recipe.yaml | diff A B                     problems and cost; what differs (files, #12, draft:ID)
workbench drafts [new FILE | set ID FIELD=VALUE | ...]     drafts of the studio
workbench watch RUN | cancel RUN | compare RUN RUN ...     RUN is a number (12 or #12) or an id
workbench sweep recipe.yaml --set FIELD=V,V [--yes]         several values: count, cost, start
workbench verdict TEACHER STUDENT                          can the one teach the other?
workbench advise access=weights task=chat ...              which method? without answers, the questions
workbench templates [ID] | dry-run recipe.yaml             starting recipes; two real steps, measured
workbench review KEY --open hints | --status | --export FILE   decide rows one by one; make a version of it
workbench rows RUN | gate RUN [--lay-out | --desk | --go-on]   rows made and left out; the review a run waits for
workbench end-rounds RUN                                   begin no further round of its loop
workbench endpoints [add NAME | test NAME | calls RUN]      teachers behind an address, and what they were asked
workbench download RUN [-o FILE]                           the adapter as a zip
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx

from workbench.client import Api, Refused, save_login
from workbench.commands import drafts as draft_commands
from workbench.commands import endpoints as endpoint_commands
from workbench.commands import guidance, incoming, making, profiles, transforms
from workbench.commands import review as review_commands
from workbench.commands import sweeps as sweep_commands

ENDED = ("succeeded", "failed", "cancelled", "quarantined")
ROLES = ("base", "control", "student", "teacher")
OK, REFUSED, UNREACHABLE, RUN_FAILED = 0, 1, 2, 3


def table(rows: list[list[str]], head: list[str]) -> str:
    """Columns padded to their widest cell; no line at all without rows."""
    if not rows:
        return ""
    widths = [max(len(str(r[i])) for r in [head, *rows]) for i in range(len(head))]
    return "\n".join("  ".join(str(c).ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in [head, *rows])


def score(value: dict[str, Any] | None) -> str:
    """0.744 [0.721, 0.766]"""
    if not value or value.get("value") is None:
        return "-"
    interval = (
        f" [{value['low']:.3f}, {value['high']:.3f}]"
        if value.get("low") is not None and value.get("high") is not None
        else ""
    )
    return f"{value['value']:.3f}{interval}"


def show(text: str) -> None:
    """Prints text of the server without its control characters: it may hold names that people typed."""
    print("".join(c if c.isprintable() or c == "\n" else "?" for c in text), flush=True)


# ---- commands


def login(args: argparse.Namespace) -> int:
    token = args.token or os.environ.get("WORKBENCH_TOKEN") or sys.stdin.readline().strip()
    me = Api(args.url.rstrip("/"), token).get("/me")
    save_login(args.url, token)
    show(f"Signed in as {me['email']}, team {me['team']} ({me['role']}).")
    return OK


def models(args: argparse.Namespace) -> int:
    rows = []
    for m in Api.from_config().get("/models"):
        f = m["facts"] or {}
        rows.append(
            [
                m["key"],
                m["revision"][:12],
                f"{f['parameters']:,}" if f.get("parameters") else "-",
                str(f.get("context") or "-"),
                m["licence"] or "-",
            ]
        )
    show(table(rows, ["MODEL", "REVISION", "PARAMETERS", "CONTEXT", "LICENCE"]) or "No models yet.")
    return OK


def datasets(args: argparse.Namespace) -> int:
    if args.action in incoming.ACTIONS:
        return incoming.run(args)
    if args.action in transforms.ACTIONS:
        return transforms.run(args)
    if args.action in profiles.ACTIONS:
        return profiles.run(args)
    rows = []
    for d in Api.from_config().get("/datasets"):
        newest = max(d["versions"], key=lambda v: v["number"], default=None)
        counts = newest["counts"] if newest else {}
        rows.append(
            [
                d["key"],
                str(newest["number"]) if newest else "-",
                *(str(counts.get(n, "-")) for n in ("rows", "labelled", "heldout")),
                d["licence"] or "-",
            ]
        )
    show(table(rows, ["DATASET", "VERSION", "ROWS", "LABELLED", "HELD OUT", "LICENCE"]) or "No datasets yet.")
    return OK


def submit(args: argparse.Namespace) -> int:
    api = Api.from_config()
    text = sys.stdin.read() if args.recipe == "-" else Path(args.recipe).read_text(encoding="utf-8")
    key = args.key or str(uuid.uuid4())
    run = api.call("POST", "/runs", json={"recipe": text}, headers={"Idempotency-Key": key})
    show(f"Run #{run['number']}: {run['title']}\n{api.url}{run['url']}")
    return follow(api, run) if args.watch else OK


def watch(args: argparse.Namespace) -> int:
    api = Api.from_config()
    return follow(api, api.run(args.run))


def follow(api: Api, run: dict[str, Any]) -> int:
    """Prints what happens until the run has ended; a broken connection is tried again, nothing is printed twice."""
    after, shown = 0, ""
    while True:
        try:
            batch = api.get(f"/runs/{run['id']}/events", after=after)
            run = api.get(f"/runs/{run['id']}")
        except httpx.TransportError:
            show("The workbench cannot be reached; trying again ...")
            time.sleep(3)
            continue
        after = batch["last_id"]
        for event in batch["items"]:
            if line := sentence(event):
                show(line)
        line = progress(run)
        if line and line != shown:
            show(line)
            shown = line
        if batch["ended"]:
            return conclude(api, run)
        if not batch["items"]:
            time.sleep(1)


def sentence(event: dict[str, Any]) -> str:
    """One line for an event worth reading in a terminal; empty for the others."""
    data, when = event["data"], str(event["at"])[11:19]
    text = {
        "state": lambda: f"== {data.get('to')}",
        "phase": lambda: f"-- {data.get('phase')} {data.get('stage') or ''}".rstrip(),
        "log": lambda: str(data.get("message")),
        "alarm": lambda: f"! {data.get('message')}",
        "review": lambda: f"{data.get('rows'):,} rows wait for a review: {data.get('stage')}",
        "error": lambda: f"! {data.get('message')} {data.get('hint') or ''}".rstrip(),
        "reason": lambda: f"{data.get('field')} = {data.get('value')}: {data.get('why')}",
    }.get(event["type"])
    return f"{when} {text()}" if text else ""


def progress(run: dict[str, Any]) -> str:
    p = run.get("progress") or {}
    if run["state"] != "running" or not p.get("total"):
        return ""
    left = f", about {run['seconds_left']:.0f} s left" if run.get("seconds_left") is not None else ""
    return f"         {run['phase']}: {p['done']} of {p['total']} {p.get('unit') or ''}{left}"


def conclude(api: Api, run: dict[str, Any]) -> int:
    if run["state"] != "succeeded":
        show(
            f"Run #{run['number']} {run['state_label'].lower()}. {run['reason']} {(run.get('error') or {}).get('hint') or ''}".rstrip()
        )
        return RUN_FAILED
    if run["kind"] == "distill":
        report = api.get(f"/runs/{run['id']}/report")
        show(table([[role, score((report.get("scores") or {}).get(role))] for role in ROLES], ["ARM", "SCORE [95 %]"]))
        show(
            f"Gap closed {score(report.get('gap_closed'))}, student minus control {score(report.get('student_minus_control'))}"
        )
    show(f"Run #{run['number']} finished. {api.url}{run.get('result') or run['url']}")
    return OK


def cancel(args: argparse.Namespace) -> int:
    api = Api.from_config()
    run = api.call("POST", f"/runs/{api.run(args.run)['id']}/cancel", json={})
    show(f"Run #{run['number']}: {'cancelled' if run['state'] == 'cancelled' else 'cancel asked for'}.")
    return OK


def compare(args: argparse.Namespace) -> int:
    api, rows = Api.from_config(), []
    for name in args.runs:
        run = api.run(name)
        report = api.get(f"/runs/{run['id']}/report") if run["state"] == "succeeded" else {}
        scores = report.get("scores") or {}
        rows.append(
            [
                f"#{run['number']}",
                run["title"][:40],
                run["method"],
                score(report.get("gap_closed")),
                *(score(scores.get(r)) for r in ROLES),
            ]
        )
    show(table(rows, ["RUN", "TITLE", "METHOD", "GAP CLOSED", *(r.upper() for r in ROLES)]))
    return OK


def download(args: argparse.Namespace) -> int:
    """The zip under a temporary name first, so that a broken download never looks like an adapter."""
    api = Api.from_config()
    run = api.run(args.run)
    with api.download(f"/adapters/{run['id']}/download") as answer:
        target = Path(args.output or f"adapter-{run['number']}.zip")
        partial = target.with_name(target.name + ".partial")
        with partial.open("wb") as file:
            for chunk in answer.iter_bytes():
                file.write(chunk)
    partial.replace(target)
    show(f"{target} ({target.stat().st_size:,} bytes)")
    return OK


def _role(text: str) -> tuple[str, str]:
    role, equals, column = text.partition("=")
    if not equals or not role or not column:
        raise argparse.ArgumentTypeError(f"{text!r} does not have the form role=column")
    return role, column


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="workbench",
        description=(__doc__ or "").splitlines()[0],
        epilog="Exit codes: 0 done, 1 refused, 2 out of reach, 3 the run did not succeed.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Any, help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help)
        sub.set_defaults(do=run)
        return sub

    p = add("login", login, "remember address and token")
    p.add_argument("url")
    p.add_argument("--token", help="wb_...; without it, WORKBENCH_TOKEN or one line of standard input")
    add("models", models, "models you may use")
    p = add("datasets", datasets, "datasets you may use, or upload one")
    p.add_argument(
        "action", nargs="?", choices=["list", *incoming.ACTIONS, *transforms.ACTIONS, *profiles.ACTIONS], default="list"
    )
    p.add_argument("file", nargs="?", metavar="FILE_OR_KEY")
    p.add_argument(
        "more",
        nargs="*",
        metavar="MORE",
        help="diff: the older and the newer version; upload: more files; outputs: whose",
    )
    incoming.options(p)
    transforms.options(p)
    profiles.options(p)
    p.add_argument("--title")
    p.add_argument(
        "--role",
        action="append",
        default=[],
        type=_role,
        metavar="ROLE=COLUMN",
        help="for example user=question; repeat",
    )
    p.add_argument("--yes", action="store_true", help="accept the warnings")
    p = add("submit", submit, "start a run from a recipe")
    p.add_argument("recipe", help="YAML or JSON file, - for standard input")
    p.add_argument("--watch", action="store_true", help="follow it to the end")
    p.add_argument("--key", help="idempotency key: the same key gives the same run")
    for name, do, help in (("watch", watch, "follow a run to its end"), ("cancel", cancel, "cancel a run")):
        add(name, do, help).add_argument("run")
    add("compare", compare, "scores of runs side by side").add_argument("runs", nargs="+", metavar="RUN")
    p = add("download", download, "the adapter of a run as a zip")
    p.add_argument("run")
    p.add_argument("-o", "--output", metavar="FILE")
    draft_commands.register(add)
    sweep_commands.register(add)
    guidance.register(add)
    review_commands.register(add)
    endpoint_commands.register(add)
    making.register(add)
    return top


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        return int(args.do(args))
    except Refused as e:
        print(e, file=sys.stderr)
        return REFUSED
    except httpx.TransportError as e:
        print(f"The workbench cannot be reached: {e}", file=sys.stderr)
        return UNREACHABLE
    except BrokenPipeError:  # a reader such as head has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as e:
        print(f"{e.filename}: {e.strerror}", file=sys.stderr)
        return REFUSED
    except UnicodeDecodeError as e:
        print(f"Byte {e.start:,} of the file is no UTF-8 text. Save the file as UTF-8.", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print("Stopped watching; the run goes on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
