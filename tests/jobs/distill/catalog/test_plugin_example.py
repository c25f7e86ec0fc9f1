"""The example of docs/plugins.md, installed as its own pyproject.toml says and used from the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.jobs.distill import tiny

ROOT = Path(__file__).resolve().parents[4]
EXAMPLE = ROOT / "docs" / "examples" / "plugin"
FILES = sorted(p for p in EXAMPLE.rglob("*") if p.suffix in (".py", ".yaml", ".toml"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and its entry points, as pip lays them down."""
    folder = tmp_path_factory.mktemp("site")
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())
    (package,) = project["tool"]["setuptools"]["packages"]
    shutil.copytree(EXAMPLE / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    about = project["project"]
    info = folder / f"{package}-{about['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n")
    groups = about["entry-points"].items()
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()) for group, points in groups]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


def engine(site: Path, *arguments: str) -> str:
    env = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1", "WB_THREADS": "1"}
    command = [sys.executable, "-m", "jobs.distill", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_has_fewer_than_60_lines() -> None:
    assert len(FILES) == 3
    assert sum(len(p.read_text().splitlines()) for p in FILES) < 60


def test_it_is_listed_with_formula_and_options(site: Path) -> None:
    systems = {s["id"]: s for s in json.loads(engine(site, "systems", "--json"))}
    assert (
        systems["renyi"]["parts"] == ["renyi"] and systems["renyi"]["options"]["properties"]["order"]["default"] == 0.5
    )
    parts = {p["id"]: p for p in json.loads(engine(site, "parts", "--json")) if p["kind"] == "objective"}
    assert "log" in parts["renyi"]["formula"] and parts["renyi"]["paper"]["year"] == 1961


def test_it_trains(site: Path, tmp_path: Path) -> None:
    folder = tiny.run_folder(tmp_path / "run", {"method": "renyi", "options": {"order": 0.7}, "control": False})
    engine(site, "run", str(folder))
    outcome = json.loads((folder / "report.json").read_text())["training"]["01-student"]
    assert outcome["steps"] == 12 and 0 < outcome["last_loss"] < outcome["first_loss"]
    assert (folder / "adapter" / "adapter_model.safetensors").exists()
