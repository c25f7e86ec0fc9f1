"""Who may import whom. This file is the architecture page: change the rules here, and only here.

workbench/            the web app: Django, and the light part of the engine (LIGHT below); never torch, transformers, peft
jobs/*.py             the queue side: Celery, Django models, and the recipe, events and errors of the engine; never torch
jobs/results          the same: what a finished run leaves in the database
jobs/samples          data and scripts of the sample pair; its catalogue is light
jobs/distill          the engine: never Django, Celery, psycopg or workbench, so that it runs alone on a GPU box
jobs/distill LIGHT    recipe, catalog, parts, plan, net, events, errors: importable without torch
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"torch", "transformers", "peft", "accelerate", "safetensors"}
WEB_ONLY = {"django", "celery", "kombu", "psycopg", "workbench", "allauth", "ninja"}
LIGHT = (
    "jobs.distill.asking.request",
    "jobs.distill.recipe",
    "jobs.distill.catalog",
    "jobs.distill.parts",
    "jobs.distill.plan",
    "jobs.distill.net",
    "jobs.distill.events",
    "jobs.distill.errors",
    "jobs.distill.data.listing",
    "jobs.distill.data.paint",
    "jobs.distill.data.profile_words",
    "jobs.distill.data.tasks.templates",
    "jobs.distill.data.transforms",
    "jobs.distill.verifiers",
    "jobs.distill.programs",
)
QUEUE_MAY = (
    "jobs.distill.asking.ledger",
    "jobs.distill.asking.segment",
    "jobs.distill.endpoints",
    "jobs.distill.recipe",
    "jobs.distill.events",
    "jobs.distill.errors",
    "jobs.distill.catalog",
    "jobs.distill.plan",
)


def imports(path: Path) -> Iterator[str]:
    """Full dotted names of what a file imports anywhere in it, relative ones resolved."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(p for p in (base, node.module) if p)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def files(*patterns: str) -> list[Path]:
    return sorted(p for pattern in patterns for p in ROOT.glob(pattern))


def under(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == p or name.startswith(p + ".") for p in prefixes)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", files("workbench/**/*.py"), ids=name_of)
def test_it_keeps_the_web_app_light(path: Path) -> None:
    for name in imports(path):
        assert name.split(".")[0] not in HEAVY, f"{name_of(path)} imports {name}: heavy work belongs to a child process"
        if name.startswith("jobs.distill."):
            assert under(name, LIGHT), f"{name_of(path)} imports {name}; the web app may import only {', '.join(LIGHT)}"


@pytest.mark.parametrize("path", files("jobs/*.py", "jobs/results/**/*.py"), ids=name_of)
def test_it_keeps_the_queue_side_light(path: Path) -> None:
    for name in imports(path):
        assert name.split(".")[0] not in HEAVY, (
            f"{name_of(path)} imports {name}: torch after fork hangs, so agents never load it"
        )
        if name.startswith("jobs.distill."):
            assert under(name, QUEUE_MAY), f"{name_of(path)} imports {name}"


@pytest.mark.parametrize("path", files("jobs/distill/**/*.py", "jobs/samples/**/*.py"), ids=name_of)
def test_it_keeps_the_engine_alone(path: Path) -> None:
    for name in imports(path):
        assert name.split(".")[0] not in WEB_ONLY, (
            f"{name_of(path)} imports {name}: the engine knows no web app, queue or database"
        )
        if name.startswith("jobs.") and "jobs/distill" in name_of(path):
            assert under(name, ("jobs.distill", "jobs.samples")), f"{name_of(path)} imports {name}"


ENTRIES = (
    *LIGHT,
    "jobs.distill.plan.compiler",
    "jobs.samples.catalog",
    "jobs.celery_app",
    "jobs.agent",
    "jobs.results",
    "workbench.asgi",
)


@pytest.fixture(scope="module")
def came_along() -> dict[str, list[str]]:
    """What of HEAVY each entry loads when it is the first of ours: each in a fork of one process without our code."""
    code = f"""
import importlib, json, os, sys
import celery.bin.worker, django, numpy, pyarrow.parquet, pydantic, yaml  # what most of them need; nothing of ours
assert not set(sys.modules) & set({sorted(HEAVY)!r})
for module in {ENTRIES!r}:
    sys.stdout.flush()
    if (pid := os.fork()) == 0:
        if module.startswith(("jobs.agent", "jobs.results")):
            django.setup()
        importlib.import_module(module)
        print(json.dumps([module, sorted(set(sys.modules) & set({sorted(HEAVY)!r}))]), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))


@pytest.mark.parametrize("module", ENTRIES)
def test_it_never_loads_torch_in_light_processes(module: str, came_along: dict[str, list[str]]) -> None:
    """A module that could not be imported on its own is not among them."""
    assert came_along[module] == []


def test_it_names_nothing_at_the_top_that_the_readme_does_not_explain() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split("\n")
    folders = {f.split("/")[0] for f in tracked if "/" in f and not f.startswith(".")}
    readme = (ROOT / "README.md").read_text()
    assert not {f for f in folders if f"{f}/" not in readme}
