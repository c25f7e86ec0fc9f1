"""workbench datasets upload FILE... | paste - | fetch URL | hub ID | copy KEY[@N] | outputs [RUN WHO]: rows in, from anywhere."""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx

from workbench.client import Api, Refused
from workbench.sending import send

ACTIONS = ("upload", "paste", "fetch", "hub", "copy", "outputs")


def options(p: argparse.ArgumentParser) -> None:
    """What `workbench datasets` takes for the actions of this module."""
    p.add_argument("--into", metavar="KEY", help="make the next version of this dataset instead of a new one")
    p.add_argument(
        "--option",
        action="append",
        default=[],
        type=_option,
        metavar="NAME=VALUE",
        help="how the file is read: part=SHEET, text=paragraphs, tools=as_text, labels=words, remove_nul=true; task=summary, instruction='Answer with one of: {{labels}}'; repeat",
    )
    p.add_argument("--config", default="", help="hub: the configuration")
    p.add_argument("--split", default="", help="hub: one split, or several with a comma")
    p.add_argument("--revision", default="", help="hub: branch, tag or commit")


def _option(text: str) -> tuple[str, Any]:
    name, mark, value = text.partition("=")
    if not mark or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, {"true": True, "false": False}.get(value, value)


def run(args: argparse.Namespace) -> int:
    api = Api.from_config()
    if args.action == "outputs" and not args.file:
        return _list_outputs(api)
    if not args.file:
        raise Refused({"message": f"Say which: workbench datasets {args.action} {_EXAMPLES[args.action]}"}, 422)
    return {"upload": _upload, "paste": _paste, "fetch": _fetch, "hub": _hub, "copy": _copy, "outputs": _outputs}[
        args.action
    ](api, args)


_EXAMPLES = {
    "upload": "rows.csv", "paste": "- < rows.jsonl", "fetch": "https://example.org/rows.csv", "hub": "PolyAI/banking77 --split train",
    "copy": "sample/banking77", "outputs": "12 teacher",
}  # fmt: skip


def _into(api: Api, args: argparse.Namespace) -> dict[str, str]:
    """{dataset: id} of the team's own dataset that gets a version; nothing without --into."""
    if not args.into:
        return {}
    found = [d for d in api.get("/datasets") if d["key"] == args.into and not d["shared"]]
    if not found:
        raise Refused({"message": f"Your team has no dataset {args.into}.", "hint": "See: workbench datasets"}, 404)
    return {"dataset": str(found[0]["id"])}


def _upload(api: Api, args: argparse.Namespace) -> int:
    """Every file on its own; the first refusal of one does not stop the others. The worst exit code counts."""
    from workbench.cli import REFUSED, show

    paths, worst = [Path(f) for f in (args.file, *args.more)], 0
    for path in paths:
        if len(paths) > 1:
            show(f"== {path.name}")
        try:
            found = send(api, path, _Meter(path.name), _wait, _into(api, args).get("dataset"))
            worst = max(worst, _import(api, args, found, args.title or path.name.split(".")[0]))
        except Refused as e:
            if len(paths) == 1:
                raise
            print(e, file=sys.stderr)
            worst = max(worst, REFUSED)
    return worst


class _Meter:
    """How far a file is, at most once in two seconds and once at the end."""

    def __init__(self, name: str) -> None:
        self.name, self.told = name, 0.0

    def __call__(self, done: int, total: int, rate: float | None) -> None:
        from workbench.cli import show

        if rate is None and done:
            show(f"{self.name}: {done:,} of {total:,} bytes are there already, going on")
        now = time.monotonic()
        if rate and (now - self.told > 2 and done < total or done == total and self.told):
            self.told = now
            left = f", about {(total - done) / rate:.0f} s left" if done < total else ""
            show(f"{self.name}: {done:,} of {total:,} bytes, {rate / 1e6:.1f} MB a second{left}")
        self.told = self.told or now


def _wait(seconds: float) -> None:
    from workbench.cli import show

    show(f"The connection is lost; trying again in {seconds:.0f} s, nothing that was sent is lost ...")
    time.sleep(seconds)


def _paste(api: Api, args: argparse.Namespace) -> int:
    text = sys.stdin.read() if args.file == "-" else Path(args.file).read_text(encoding="utf-8")
    if not text.strip():
        raise Refused({"message": "Nothing was pasted.", "hint": "workbench datasets paste - < rows.jsonl"}, 422)
    found = api.call("POST", "/datasets/paste", json={"text": text, **_into(api, args)})
    return _import(api, args, found, args.title or "Pasted rows")


def _fetch(api: Api, args: argparse.Namespace) -> int:
    return _fetched(api, args, "/datasets/fetch", {"url": args.file})


def _hub(api: Api, args: argparse.Namespace) -> int:
    wanted = {"id": args.file, "config": args.config, "split": args.split, "revision": args.revision}
    return _fetched(api, args, "/datasets/hub", wanted)


def _fetched(api: Api, args: argparse.Namespace, path: str, body: dict[str, Any]) -> int:
    """Follows the work that brings the file, then goes on as with an upload."""
    from workbench.cli import OK, follow

    key = {"Idempotency-Key": str(uuid.uuid4())}
    started = api.call("POST", path, json={**body, **_into(api, args)}, headers=key)
    if (code := follow(api, started)) != OK:
        return int(code)
    found = api.get(f"/datasets/fetches/{started['id']}")
    return _import(api, args, found, args.title or found["filename"].split(".")[0])


def _copy(api: Api, args: argparse.Namespace) -> int:
    from workbench.cli import OK, show

    source, _, number = args.file.partition("@")
    if number and not number.isdecimal():
        raise Refused({"message": f"{number!r} is not the number of a version: KEY@2."}, 422)
    body: dict[str, Any] = {"source": source, "version": int(number) if number else None, "title": args.title or ""}
    made = api.call("POST", "/datasets/copy", json=body | _into(api, args))
    show(f"Version {made['version']} of {made['key']} begins with these rows. {api.url}{made['url']}")
    return OK


def _list_outputs(api: Api) -> int:
    from workbench.cli import OK, show, table

    rows = [[f"#{o['number']}", o["who"], str(o["rows"] or "-"), str(o["cut"] or "-"), o["title"][:40]] for o in api.get("/datasets/outputs")]  # fmt: skip
    show(table(rows, ["RUN", "WHO", "ROWS", "CUT OFF", "TITLE"]) if rows else "No run has kept answers yet.")
    return OK


def _outputs(api: Api, args: argparse.Namespace) -> int:
    if not args.more:
        raise Refused({"message": f"Say whose: workbench datasets outputs {args.file} teacher"}, 422)
    body = {"run": api.run(args.file)["id"], "who": args.more[0], **_into(api, args)}
    found = api.call("POST", "/datasets/outputs", json=body)
    return _import(api, args, found, args.title or found["filename"].split(".")[0])


def _import(api: Api, args: argparse.Namespace, found: dict[str, Any], title: str) -> int:
    """Shows the roles and every problem, imports when the person agrees."""
    from workbench.cli import REFUSED, follow, show, table

    chosen = dict(args.option)
    if chosen:
        look = {"roles": dict(args.role), "options": chosen}
        found = api.call("POST", f"/datasets/uploads/{found['id']}/look", json=look)
    findings = found["findings"]
    roles = dict(args.role) or findings.get("roles") or {}
    show(table([[role, column] for role, column in roles.items()], ["ROLE", "COLUMN"]))
    if (task := findings.get("template") or {}).get("title"):
        show(f"Task: {task['title']}, as {task['why']}. Proposed for evaluation: {task['metric']}.")
    open_ones = [p for p in findings.get("problems", []) if p.get("severity") != "note"]
    for problem in findings.get("problems", []):
        show(f"- {problem['message']} {problem.get('remedy') or ''}".rstrip())
    if open_ones and not args.yes:
        show("Nothing was imported. Give roles with --role user=COLUMN, or accept the points above with --yes.")
        return REFUSED
    body = {"title": title, "roles": roles, "options": {**chosen, "accepted": sorted({p["code"] for p in open_ones})}}
    try:
        started = api.call("POST", f"/datasets/uploads/{found['id']}/import", json=body)
    except httpx.ReadTimeout:
        raise Refused(
            {"message": "The server did not answer in time.", "hint": f"See {api.url}/datasets/"}, 504
        ) from None
    return int(follow(api, started))
