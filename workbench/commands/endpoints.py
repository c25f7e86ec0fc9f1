"""workbench endpoints [list | add NAME | change NAME | test NAME | remove NAME | calls RUN]; a key is read from standard input or the environment"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from workbench.client import Api, Refused
from workbench.endpoints.presets import BY_ID

ACTIONS = ("list", "show", "add", "change", "test", "remove", "calls")
NUMBERS = ("price_in", "price_out", "context", "concurrency", "requests_per_minute", "tokens_per_minute", "logprobs")


def register(add: Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]) -> None:
    p = add(
        "endpoints",
        endpoints,
        "teachers behind an address: list, show, add, change, test, remove; calls RUN: what a run asked",
    )
    p.add_argument("action", nargs="?", choices=ACTIONS, default="list")
    p.add_argument("what", nargs="?", metavar="NAME_OR_RUN")
    p.add_argument("--preset", choices=list(BY_ID), default="", help="with add: a known server fills what is left out")
    p.add_argument("--url")
    p.add_argument("--model")
    p.add_argument("--style", choices=["openai-chat", "openai-completions", "anthropic"])
    for name in NUMBERS:
        p.add_argument(f"--{name.replace('_', '-')}", type=float if name.startswith("price") else int, metavar="N")
    p.add_argument("--currency", metavar="USD")
    p.add_argument("--monthly-price", type=float, metavar="N", help="hard cap of a month")
    p.add_argument("--monthly-tokens", type=int, metavar="N")
    p.add_argument(
        "--outputs",
        choices=["yes", "terms", "limited", "no", "unknown"],
        help="whether its outputs may train other models",
    )
    p.add_argument("--key-stdin", action="store_true", help="read the key as one line of standard input")
    p.add_argument("--key-env", metavar="VARIABLE", help="read the key from this environment variable")
    p.add_argument("--outcome", default="", help="with calls: ok, truncated, empty, refused, invalid, kept-out")


def endpoints(args: argparse.Namespace) -> int:
    api = Api.from_config()
    if args.action == "list":
        return _list(api)
    if not args.what:
        what = "run" if args.action == "calls" else "endpoint"
        raise Refused({"message": f"Say which {what}: workbench endpoints {args.action} ..."}, 422)
    return {"show": _show, "add": _add, "change": _change, "test": _test, "remove": _remove, "calls": _calls}[
        args.action
    ](api, args)


def _list(api: Api) -> int:
    from workbench.cli import OK, show, table

    rows = [[e["key"], e["spec"]["model"], e["gives"], "yes" if e["has_key"] else "no", e["month"]["price"], e["month"]["cap"] or "-"] for e in api.get("/endpoints")]  # fmt: skip
    show(table(rows, ["ENDPOINT", "MODEL", "GIVES", "KEY", "THIS MONTH", "CAP"]) or "No endpoints yet.")
    return OK


def _path(name: str) -> str:
    return f"/endpoints/{name.removeprefix('endpoint/')}"


def _show(api: Api, args: argparse.Namespace) -> int:
    from workbench.cli import OK, show, table

    found = api.get(_path(args.what))
    show(table([[k, str(v)] for k, v in found["spec"].items() if v not in (None, {}, "")], ["FIELD", "VALUE"]))
    show(f"Key: {'stored' if found['has_key'] else 'none'}. This month: {found['month']['price']} {'of ' + found['month']['cap'] if found['month']['cap'] else ''}".rstrip())  # fmt: skip
    return OK


def _key(args: argparse.Namespace) -> str:
    """Never from the command's own words: other people of the machine can read those."""
    if args.key_env:
        if not os.environ.get(args.key_env):
            raise Refused({"message": f"The environment variable {args.key_env} is empty or not there."}, 422)
        return os.environ[args.key_env].strip()
    return sys.stdin.readline().strip() if args.key_stdin else ""


def _add(api: Api, args: argparse.Namespace) -> int:
    from workbench.cli import OK, show

    made = api.call("POST", "/endpoints", json={"name": args.what, "preset": args.preset, **_given(args)})
    show(f"{made['name']} is added; recipes call it {made['key']}. Test it: workbench endpoints test {made['key']}")
    return OK


def _change(api: Api, args: argparse.Namespace) -> int:
    from workbench.cli import OK, show

    changed = api.call("PATCH", _path(args.what), json=_given(args))
    show(
        f"{changed['name']} is changed.{'' if changed['tested'] else ' Test it: workbench endpoints test ' + changed['key']}"
    )
    return OK


def _given(args: argparse.Namespace) -> dict[str, Any]:
    """What the command's words say of an endpoint; nothing of what they leave out."""
    spec = {n: getattr(args, n) for n in (*NUMBERS, "url", "model", "style", "currency")}
    more = {"secret": _key(args) or None} | {
        n: getattr(args, n) for n in ("monthly_price", "monthly_tokens", "outputs")
    }
    return {n: v for n, v in more.items() if v is not None} | {"spec": {n: v for n, v in spec.items() if v is not None}}


def _test(api: Api, args: argparse.Namespace) -> int:
    from workbench.cli import OK, follow, show

    code = follow(api, api.call("POST", _path(args.what) + "/test", json={}))
    if code == OK:
        found = api.get(_path(args.what))["tested"] or {}
        speed = f", {found['tokens_per_second']:.0f} tokens a second" if found.get("tokens_per_second") else ""
        show(f"{found.get('model')}: {found.get('logprobs', 0)} log-probabilities a token{speed}.")
        for note in found.get("notes") or []:
            show(f"! {note}")
    return code


def _remove(api: Api, args: argparse.Namespace) -> int:
    from workbench.cli import OK, show

    api.call("DELETE", _path(args.what))
    show("Removed, with its key. What it answered stays with the runs.")
    return OK


def _calls(api: Api, args: argparse.Namespace) -> int:
    """Counts to standard error, every call as a JSON line to standard output."""
    from workbench.cli import OK

    run = api.run(args.what)
    found = api.get(f"/runs/{run['id']}/calls")
    words = ", ".join(f"{n} {name}" for name, n in found["outcomes"].items())
    print(f"{found['calls']} calls: {words or 'none'}", file=sys.stderr)
    with api.download(f"/runs/{run['id']}/calls.jsonl", outcome=args.outcome) as answer:
        for line in answer.iter_lines():
            print(line)
    return OK
