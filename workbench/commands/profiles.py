"""workbench datasets profile KEY [--version N] [--json]; workbench datasets contamination KEY --against KEY2 [--json]"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from workbench.client import Api, Refused

ACTIONS = ("profile", "contamination")


def options(p: argparse.ArgumentParser) -> None:
    """What `workbench datasets` takes for the actions of this module."""
    p.add_argument(
        "--against", action="append", default=[], metavar="KEY", help="contamination: an evaluation set; repeat"
    )
    p.add_argument("--heldout", action="store_true", help="contamination: only rows those sets mark as held out")
    p.add_argument("--json", action="store_true", help="profile, contamination: everything, as JSON alone")


def run(args: argparse.Namespace) -> int:
    return profile(args) if args.action == "profile" else contamination(args)


def profile(args: argparse.Namespace) -> int:
    """Measures the version first where nobody has looked closely yet."""
    from workbench.cli import OK, show

    api = Api.from_config()
    address, dataset, number = find(api, args.file, args.version)
    found = api.get(f"{address}/profile")
    if not found["looked_closely"]:
        code = waited(api, api.call("POST", f"{address}/profile", json={}), args.json)
        if code != OK:
            return code
        found = api.get(f"{address}/profile")
    if args.json:
        print(json.dumps(found["profile"], ensure_ascii=False, indent=1))
        return OK
    show(f"{dataset['title']}, version {number}")
    for text in found["words"]:
        show(text)
    return OK


def contamination(args: argparse.Namespace) -> int:
    from workbench.cli import OK, show

    if not args.against:
        raise Refused({"message": "Say against what: workbench datasets contamination KEY --against KEY2"}, 422)
    api = Api.from_config()
    address, _, _ = find(api, args.file, args.version)
    body = {"against": [{"dataset": key, "rows": "heldout" if args.heldout else "all"} for key in args.against]}
    run = api.call("POST", f"{address}/contamination", json=body)
    code = waited(api, run, args.json)
    if code != OK:
        return code
    sets = next(c["sets"] for c in api.get(f"{address}/contamination") if c["run"]["id"] == run["id"])
    if args.json:
        print(json.dumps(sets, ensure_ascii=False, indent=1))
        return OK
    for s in sets:
        share = f"{100 * s['either']['share']:.1f} %"
        show(f"{s['title']}, version {s['number']}: {s['either']['others']:,} of {s['others']:,} evaluation rows ({share}) stand in these rows.")  # fmt: skip
        show(f"  the same question: {s['exact']['rows']:,} rows; thirteen words in a row: {s['runs']['rows']:,} rows")
    return OK


def find(api: Api, key: str | None, version: int | None) -> tuple[str, dict[str, Any], int]:
    """(address, dataset, number) of a version named by the dataset's key or id. Raises Refused."""
    if key is None:
        raise Refused({"message": "Say which dataset: its name stands in `workbench datasets`."}, 422)
    same = [d for d in api.get("/datasets") if key in (d["key"], d["id"])]
    if not same:
        raise Refused({"message": f"There is no dataset {key!r}.", "hint": "See `workbench datasets`."}, 404)
    dataset = min(same, key=lambda d: bool(d["shared"]))  # the team's own before a sample of the same name
    numbers = [v["number"] for v in dataset["versions"]]
    number = version or max(numbers, default=0)
    if number not in numbers:
        raise Refused({"message": f"{key} has no version {number}; there are {numbers or 'none'}."}, 404)
    return f"/datasets/{dataset['id']}/versions/{number}", dataset, number


def waited(api: Api, run: dict[str, Any], quiet: bool) -> int:
    """Waits for a run, telling how it goes unless the output is to be JSON alone."""
    from workbench.cli import ENDED, OK, RUN_FAILED, follow

    if not quiet:
        return follow(api, run)
    while run["state"] not in ENDED:
        time.sleep(1)
        run = api.get(f"/runs/{run['id']}")
    if run["state"] != "succeeded":
        raise Refused(run.get("error") or {"message": run["reason"] or "The work did not succeed."}, 422)
    return OK if run["state"] == "succeeded" else RUN_FAILED
