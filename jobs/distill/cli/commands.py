"""The commands people type: run, plan, systems, parts, record, verify, inspect, device."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .. import recipe as recipes
from ..errors import RecipeInvalid
from ..prepare import Overrides, Places, compile_plan, find, refuse, write_folder
from ..recipe import Recipe
from .given import text_of
from .main import in_folder, in_ranks_of, offline


def add(commands: Any) -> None:
    run = _command(commands, "run", _run, "run a recipe or a run folder, without web app, database or broker")
    run.add_argument("what", type=Path, metavar="FOLDER_OR_RECIPE")
    run.add_argument("--out", type=Path, help="folder of the run; default: runs/NAME-DATE")
    run.add_argument(
        "--signals", type=Path, action="append", default=[], help="folder of recorded teacher signals to use"
    )
    _hosts(run)
    _references(run)
    plan = _command(commands, "plan", _plan, "verdict, refusals, memory and time of a recipe")
    plan.add_argument("recipe", type=Path)
    plan.add_argument(
        "--dry-run", action="store_true", help="take two real steps and say what they cost instead of an estimate"
    )
    _references(plan, json_too=True)
    record = _command(commands, "record", _record, "record the teacher's signals for a recipe's rows, and nothing else")
    record.add_argument("recipe", type=Path)
    record.add_argument("--out", type=Path, required=True, help="folder of the run; its signals/ serves later runs")
    _hosts(record)
    _references(record)
    for name, function, about in (
        ("systems", _systems, "published methods"),
        ("parts", _parts, "parts that methods are made of"),
    ):
        _command(commands, name, function, about).add_argument("--json", action="store_true")
    verify = _command(
        commands, "verify", _verify, "check an adapter: hashes, reload with plain peft, the reported score"
    )
    verify.add_argument("adapter", type=Path, metavar="ADAPTER_DIR")
    verify.add_argument("--base", type=Path, help="folder of the student's base")
    verify.add_argument("--rows", type=Path, help="data/rows.parquet of the run: the score is made again")
    verify.add_argument("--json", action="store_true")
    inspect = _command(commands, "inspect", _inspect, "facts about a model folder")
    inspect.add_argument("folder", type=Path)
    _command(commands, "device", _device, "what this machine can do").add_argument("--json", action="store_true")


def _command(commands: Any, name: str, function: Any, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about.capitalize() + ".")
    parser.set_defaults(run=function)
    return parser


def _references(parser: argparse.ArgumentParser, json_too: bool = False) -> None:
    parser.add_argument("--teacher-folder", type=Path, help="the teacher lies here")
    parser.add_argument("--student-folder", type=Path, help="the student lies here")
    parser.add_argument("--data", type=Path, help="rows: JSONL, CSV, TSV or Parquet")
    if json_too:
        parser.add_argument("--json", action="store_true")


def _hosts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="a private host that endpoints may be on, such as 127.0.0.1:8000 (may be repeated)",
    )


def _allow_hosts(given: argparse.Namespace) -> None:
    """Beside those of the environment. Raises RecipeInvalid for what is no host."""
    from ..net.addresses import read_allowed

    listed = ",".join(filter(None, [os.environ.get("ALLOWED_PRIVATE_HOSTS", ""), *given.allow_host]))
    try:
        read_allowed(listed)
    except ValueError as e:
        raise RecipeInvalid(
            str(e), field="--allow-host", hint="Give a host and a port, such as 127.0.0.1:8000."
        ) from None
    os.environ["ALLOWED_PRIVATE_HOSTS"] = listed  # for ranks that are started as processes of their own


def _run(given: argparse.Namespace) -> int:
    _allow_hosts(given)
    folder = _prepared_folder(given) if given.what.is_dir() else _new_folder(given, given.what, given.out)
    offline()
    from ..run import distill

    # for ranks that are started as processes of their own
    places = [*map(str, given.signals), os.environ.get("WB_SIGNALS", "")]
    os.environ["WB_SIGNALS"] = os.pathsep.join(filter(None, places))
    code = in_ranks_of(folder, True, lambda own, events: distill(own, events, given.signals))
    if code == 0 and os.environ.get("RANK", "0") == "0":
        _print_report(folder)
    return code


def _record(given: argparse.Namespace) -> int:
    _allow_hosts(given)
    folder = _new_folder(given, given.recipe, given.out)
    offline()
    from ..run import record

    return in_folder(folder, True, lambda events: record(folder, events))


def _prepared_folder(given: argparse.Namespace) -> Path:
    """A run folder; models that it names without a place on this machine are found here."""
    listed = given.what / "models.json"
    if not (given.what / "recipe.yaml").exists() or not listed.exists():
        raise RecipeInvalid(
            f"{given.what} is no run folder: it has no recipe.yaml and models.json.",
            hint="Give a recipe, or the folder of a run.",
        )
    entries = json.loads(listed.read_text())
    for who, entry in entries.items():
        override = given.teacher_folder if who == "teacher" else given.student_folder
        if entry.get("endpoint") and not override:
            continue  # it has no files
        if override or not entry.get("folder") or not Path(entry["folder"]).is_dir():
            from ..models.verbs import resolve

            entry.pop("endpoint", None)
            entry["folder"] = str(
                override or resolve(recipes.ModelRef(model=entry["key"], revision=entry.get("revision")))
            )
    listed.write_text(json.dumps(entries, indent=1))
    return Path(given.what)


def _new_folder(given: argparse.Namespace, file: Path, out: Path | None) -> Path:
    """A run folder from a recipe; an existing one of the same recipe is resumed."""
    recipe, places = _found(given, file)
    folder = (
        out
        or Path("runs")
        / f"{re.sub(r'[^a-z0-9]+', '-', recipe.name.lower()).strip('-')}-{time.strftime('%Y%m%d-%H%M%S')}"
    )
    kept = folder / "recipe.yaml"
    if (
        kept.exists()
        and (folder / "plan.json").exists()
        and kept.read_text(encoding="utf-8") == recipes.to_yaml(recipe)
    ):
        print(f"Run folder: {folder}, continued")  # with its own plan: a new one may choose otherwise
        return folder
    plan = compile_plan(recipe, places, _quick_device())
    for problem in plan.warnings:
        print(f"Warning: {problem.message}")
    refuse(plan)
    write_folder(recipe, places, folder, plan)
    print(f"Run folder: {folder}")
    return folder


def _found(given: argparse.Namespace, file: Path) -> tuple[Recipe, Places]:
    recipe = recipes.from_yaml(text_of(file, "a recipe in YAML or JSON, or a run folder"))
    overrides = Overrides(given.teacher_folder, given.student_folder, given.data)
    return recipe, find(recipe, overrides, file.parent)


def _quick_device() -> Any:
    from ..device import probe

    return probe()


def _plan(given: argparse.Namespace) -> int:
    recipe, places = _found(given, given.recipe)
    plan = compile_plan(recipe, places, _quick_device())
    if given.dry_run and plan.ok:
        return _dry_run(given, recipe, places, plan)
    print(plan.model_dump_json(indent=1) if given.json else _plan_words(plan))
    return 0 if plan.ok else 4


def _dry_run(given: argparse.Namespace, recipe: Recipe, places: Places, plan: Any) -> int:
    """Two steps in a folder that is gone afterwards; the plan with what they cost."""
    offline()
    from ..dry_run import dry_run
    from ..events import Events

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_folder(recipe, places, folder, plan)
        events = Events(folder)
        try:
            found = dry_run(folder, events)
        finally:
            events.close()
    if given.json:
        print(json.dumps({**plan.model_dump(mode="json"), "dry_run": found}, indent=1))
    else:
        print(_plan_words(plan), _dry_words(found), sep="\n")
    return 0


def _dry_words(found: dict[str, Any]) -> str:
    lines = [f"Alarm: {said}" for said in found["alarms"]]
    for stage in found["stages"]:
        terms = ", ".join(
            f"{name} {t['value']:.4g}" + (f" (gradient {t['grad_norm']:.3g})" if t["grad_norm"] is not None else "")
            for name, t in stage["terms"].items()
        )
        lines.append(f"{stage['name']}: measured {stage['seconds_per_step']:.3g} s a step; {terms}.")
    return "\n".join(
        [
            *lines,
            f"Measured: memory {found['peak_memory_bytes'] / 2**20:,.0f} MiB at most, about {found['seconds_estimate']:,.0f} s in all.",
        ]
    )


def _plan_words(plan: Any) -> str:
    lines = [plan.verdict.headline] if plan.verdict else []
    lines += [f"Refused: {p.message}" for p in plan.refusals] + [f"Warning: {p.message}" for p in plan.warnings]
    lines += [f"{c.field} = {c.value}: {c.why}" for c in plan.choices]
    lines += [f"{s.name}: {s.rows:,} rows, {s.steps:,} steps, {s.seconds:,.0f} s. {s.computes}" for s in plan.stages]
    return "\n".join(
        [
            *lines,
            f"Memory {plan.memory_bytes / 2**20:,.0f} MiB, about {plan.seconds:,.0f} s in all, disk {plan.disk_bytes / 2**20:,.0f} MiB.",
        ]
    )


def _systems(given: argparse.Namespace) -> None:
    from ..catalog import SYSTEMS, system_json
    from . import listing

    print(
        json.dumps([system_json(s) for s in SYSTEMS.values()], indent=1)
        if given.json
        else listing.systems(SYSTEMS.values())
    )
    _say_problems()


def _parts(given: argparse.Namespace) -> None:
    from ..catalog import part_json
    from ..catalog.show import all_parts
    from . import listing

    found = all_parts()
    print(json.dumps([part_json(p) for p in found], indent=1) if given.json else listing.parts(found))
    _say_problems()


def _say_problems() -> None:
    """Plugins that were left out, where they do not disturb a reader of the JSON."""
    from ..catalog import PROBLEMS

    for problem in PROBLEMS:
        print(f"Warning: {problem}", file=sys.stderr)


def _verify(given: argparse.Namespace) -> None:
    offline()
    from ..verify import verify

    found = verify(given.adapter, given.base, given.rows)
    if given.json:
        print(json.dumps(found.as_dict()))
        return
    print(f"{found.files} files have the hashes they should have.")
    if found.score is not None:
        print(
            f"Reloaded with plain peft it scores {found.score:.6f} on {found.rows:,} held-out rows, exactly as reported."
        )
    else:
        print(f"The reported score of {found.reported:.6f} was not made again: give --base and --rows.")


def _inspect(given: argparse.Namespace) -> None:
    from ..models.inspect import inspect_model

    print(inspect_model(given.folder).model_dump_json(indent=1))


def _device(given: argparse.Namespace) -> None:
    from ..device import probe

    facts = probe()
    memory = f"{facts.memory_bytes / 2**30:.1f} GiB"
    print(
        facts.model_dump_json(indent=1)
        if given.json
        else f"{facts.name}: {facts.cores} cores, {memory}, {facts.flops / 1e9:,.0f} GFLOP/s"
    )


def _print_report(folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text())
    for name, score in report["scores"].items():
        print(f"{name:8} {score['value']:.4f}  [{score['low']:.4f}, {score['high']:.4f}]  n={score['n']}")
    gap = report["gap_closed"]
    print(
        f"gap closed {gap['value']:.3f} [{gap['low']:.3f}, {gap['high']:.3f}]"
        if gap.get("low") is not None
        else f"gap closed: {gap.get('why', gap['value'])}"
    )
    print(f"adapter: {folder / 'adapter'}")
