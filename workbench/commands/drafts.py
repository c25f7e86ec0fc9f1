"""workbench drafts [list|show|new|copy|set|do|undo|redo|history|submit|discard]; workbench diff A B; workbench check RECIPE"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.client import Api, Refused

ACTIONS = (
    "list",
    "show",
    "new",
    "copy",
    "set",
    "do",
    "undo",
    "redo",
    "history",
    "check",
    "prompts",
    "submit",
    "discard",
)
WHAT = "a recipe file, run 12 as #12 or run:12, or draft:ID"


def register(add: Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]) -> None:
    p = add(
        "drafts",
        drafts,
        "drafts of your team: list, show, new FILE, copy WHAT, set ID FIELD=VALUE ..., do ID VERB, undo, submit",
    )
    p.add_argument("action", nargs="?", choices=ACTIONS, default="list")
    p.add_argument("draft", nargs="?", help="id of a draft; for new a file, for copy " + WHAT)
    p.add_argument(
        "change",
        nargs="*",
        help="for set: FIELD=VALUE, empty to drop; for do: a button such as move:stages.1:0; for prompts: a stage",
    )
    p.add_argument("--seen", type=int, help="head as you read it; refused where the draft was changed since")
    p.add_argument("--watch", action="store_true", help="with submit: follow the run to its end")
    p = add("diff", diff, "what differs between two recipes, field by field")
    p.add_argument("a", help=WHAT)
    p.add_argument("b", help=WHAT)
    p.add_argument("--json", action="store_true")
    p = add("check", check, "check a recipe without starting it: problems, time, memory")
    p.add_argument("recipe", help="YAML or JSON file, - for standard input, or draft:ID")


def drafts(args: argparse.Namespace) -> int:
    api = Api.from_config()
    if args.action == "list":
        return _list(api)
    if not args.draft:
        raise Refused({"message": f"Say which draft: workbench drafts {args.action} ID"}, 422)
    return _DOES[args.action](api, args)


def _list(api: Api) -> int:
    from workbench.cli import OK, show, table

    rows = [[d["id"], d["title"] or "Untitled", d["created_by"], d["changed_at"][:16].replace("T", " "), f"#{d['run']}" if d["run"] else "-"] for d in api.get("/drafts")]  # fmt: skip
    show(table(rows, ["DRAFT", "TITLE", "BY", "CHANGED", "RUN"]) or "No drafts yet.")
    return OK


def _at(args: argparse.Namespace) -> str:
    try:
        return f"/drafts/{uuid.UUID(args.draft.removeprefix('draft:'))}"
    except ValueError:
        raise Refused(
            {"message": f"{args.draft!r} is no id of a draft.", "hint": "workbench drafts lists them."}, 404
        ) from None


def _shown(api: Api, draft: dict[str, Any]) -> int:
    from workbench.cli import OK, show

    said = f" {draft['last_change']}" if draft["last_change"] else ""
    show(f"Draft {draft['id']}, state {draft['head']}.{said}\n{api.url}{draft['url']}")
    return OK


def _show(api: Api, args: argparse.Namespace) -> int:
    from workbench.cli import OK, show

    show(api.get(_at(args))["yaml"].rstrip())
    return OK


def _new(api: Api, args: argparse.Namespace) -> int:
    recipe: Any = _text(args.draft) if args.action == "new" else side(args.draft)
    return _shown(api, api.call("POST", "/drafts", json={"recipe": recipe}))


def _set(api: Api, args: argparse.Namespace) -> int:
    body: dict[str, Any] = {"set": {}, "drop": [], **({} if args.seen is None else {"seen": args.seen})}
    for item in args.change:
        path, equals, value = item.partition("=")
        if not path or not equals:
            raise Refused({"message": f"{item!r} does not have the form field=value."}, 422)
        if value:
            body["set"][path] = _value(value)
        else:
            body["drop"].append(path)
    return _shown(api, api.call("PATCH", _at(args), json=body))


def _value(text: str) -> Any:
    """JSON where it is JSON, text otherwise: 8, 0.5, true, [1, 2], cosine."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _do(api: Api, args: argparse.Namespace) -> int:
    draft: dict[str, Any] = {}
    for n, verb in enumerate(args.change or [""]):
        seen = {"seen": args.seen} if args.seen is not None and n == 0 else {}
        draft = api.call("PATCH", _at(args), json={"do": verb, **seen})
    return _shown(api, draft)


def _step(api: Api, args: argparse.Namespace) -> int:
    return _shown(api, api.call("POST", f"{_at(args)}/{args.action}", json={}))


def _prompts(api: Api, args: argparse.Namespace) -> int:
    """drafts prompts ID STAGE: what the stage would ask about the first rows of its dataset."""
    from workbench.cli import OK, show

    found = api.get(f"{_at(args)}/prompts", stage=(args.change or ["stages.0"])[0])
    for q in found["questions"]:
        show(f"== {' '.join(q['question'].split())[:100]}" + (f" ({q['why']})" if q["why"] else ""))
        for messages in q["asked"]:
            show("\n".join(f"[{m['role']}] {m['content']}" for m in messages))
    if found["note"]:
        show(found["note"])
    return OK


def _history(api: Api, args: argparse.Namespace) -> int:
    from workbench.cli import OK, show, table

    rows = [["*" if c["now"] else "", str(c["number"]), c["at"][:16].replace("T", " "), c["words"]] for c in api.get(f"{_at(args)}/history")]  # fmt: skip
    show(table(rows, ["", "STATE", "WHEN", "WHAT"]) or "Nothing was changed yet.")
    return OK


def _submit(api: Api, args: argparse.Namespace) -> int:
    from workbench.cli import OK, follow, show

    run = api.call("POST", f"{_at(args)}/submit", json={})
    show(f"Run #{run['number']}: {run['title']}\n{api.url}{run['url']}")
    return follow(api, run) if args.watch else OK


def _discard(api: Api, args: argparse.Namespace) -> int:
    from workbench.cli import OK, show

    api.call("DELETE", _at(args))
    show("The draft was discarded.")
    return OK


def _check(api: Api, args: argparse.Namespace) -> int:
    return _say(api.call("POST", f"{_at(args)}/check", json={}))


def check(args: argparse.Namespace) -> int:
    """Exit code 1 where it cannot start."""
    api = Api.from_config()
    if args.recipe.startswith("draft:"):
        args.draft = args.recipe
        return _check(api, args)
    plan = api.call("POST", "/plan", json={"recipe": _text(args.recipe)})
    return _say(
        {
            "ok": plan["ok"],
            "missing": [],
            "problems": plan["problems"],
            "warnings": plan.get("warnings", []),
            "plan": plan,
        }
    )


def _say(found: dict[str, Any]) -> int:
    from workbench.cli import OK, REFUSED, show

    for name in found["missing"]:
        show(f"- No {name} is chosen.")
    for words, problems in (("", found["problems"]), ("note: ", found["warnings"])):
        for p in problems:
            show(f"- {words}{p.get('field') or 'recipe'}: {p['message']}")
    plan = found["plan"]
    if plan:
        show(
            f"About {plan['seconds']:,.0f} s, {plan['memory_bytes'] / 2**20:,.0f} MiB at the peak, {plan['disk_bytes'] / 2**20:,.0f} MiB of disk."
        )
    show("It can start." if found["ok"] else "It cannot start yet.")
    return OK if found["ok"] else REFUSED


def diff(args: argparse.Namespace) -> int:
    from workbench.cli import OK, show, table

    api = Api.from_config()
    found = api.call("POST", "/recipes/diff", json={"a": side(args.a), "b": side(args.b)})
    if args.json:
        show(json.dumps(found, ensure_ascii=False, indent=1))
        return OK
    words = {"added": ("not there", "there"), "removed": ("there", "not there")}
    rows = []
    for d in found["differences"]:
        a, b = words.get(d["kind"], (d["a"], d["b"]))
        place = "place " if d["kind"] == "moved" else ""
        rows.append([d["place"] or "Recipe", d["title"], place + a, place + b])
    if found["note"]:
        show(found["note"])
    show(table(rows, ["WHERE", "FIELD", found["a"][:40], found["b"][:40]]) or "Both say the same.")
    return OK


def side(name: str) -> str:
    """#12 and run:12 are runs, draft:ID a draft; everything else is a file."""
    if name.startswith(("draft:", "run:")):
        return name
    if name.startswith("#") or (name.isdigit() and not Path(name).exists()):
        return f"run:{name.removeprefix('#')}"
    return _text(name)


def _text(name: str) -> str:
    return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")


_DOES: dict[str, Callable[[Api, argparse.Namespace], int]] = {
    "show": _show, "new": _new, "copy": _new, "set": _set, "do": _do, "undo": _step, "redo": _step, "history": _history,
    "check": _check, "prompts": _prompts, "submit": _submit, "discard": _discard,
}  # fmt: skip
