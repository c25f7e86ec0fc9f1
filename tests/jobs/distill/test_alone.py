"""The engine is a package of its own: copied alone, without Django, Celery and psycopg, it still distils."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
WEB_ONLY = ("django", "celery", "kombu", "psycopg", "workbench", "allauth", "ninja")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """An empty folder with the engine, the samples and the examples: nothing of the web app or the queue."""
    (tmp_path / "jobs").mkdir()
    shutil.copy(ROOT / "jobs/__init__.py", tmp_path / "jobs")
    for name in ("jobs/distill", "jobs/samples", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def distil(python: Path | str, folder: Path, **env: str) -> dict:
    """A short run of the example recipe: 30 steps, 64 held-out rows."""
    import yaml

    recipe = yaml.safe_load((folder / "examples/llm-neo.yaml").read_text())
    recipe["train"] = {**recipe.get("train", {}), "steps": 30}
    recipe["train"].pop("epochs", None)
    recipe["train"].pop("schedule", None)
    recipe["evaluation"] = {**recipe.get("evaluation", {}), "limit": 64}
    recipe["data"] = {**recipe["data"], "limit": 400}
    (folder / "examples/short.yaml").write_text(yaml.safe_dump(recipe))
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "DJANGO_SETTINGS_MODULE", "DATABASE_URL")}
    done = subprocess.run(
        [str(python), "-m", "jobs.distill", "run", "examples/short.yaml", "--out", "out"],
        cwd=folder,
        env={**clean, "HF_HUB_OFFLINE": "1", **env},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return dict(json.loads((folder / "out/report.json").read_text()))


def test_it_distils_where_the_web_app_cannot_be_imported(copy: Path) -> None:
    """Any import of the web app's packages fails in this run, as it would where they are not installed."""
    blocker = copy / "blocked"
    blocker.mkdir()
    (blocker / "sitecustomize.py").write_text(
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {WEB_ONLY!r}:\n"
        "            raise ImportError(f'{name} is not installed here')\n"
        "sys.meta_path.insert(0, Blocked())\n"
    )
    report = distil(sys.executable, copy, PYTHONPATH=str(blocker))
    assert set(report["scores"]) == {"base", "control", "student", "teacher"}
    assert (copy / "out/adapter/adapter_model.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_it_distils_in_an_environment_of_its_own(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The real thing: a new virtual environment with the engine's requirements only."""
    env = tmp_path_factory.mktemp("engine-env")
    python = env / "bin/python"
    subprocess.run([sys.executable, "-m", "venv", str(env)], check=True)
    for arguments in (["-r", "requirements/torch.txt"], ["--require-hashes", "-r", "requirements/engine.txt"]):
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments],
            cwd=ROOT,
            check=True,
        )
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True
    ).stdout.lower()
    assert not any(
        line.startswith((f"{name}==", f"django-{name}")) for line in listed.splitlines() for name in WEB_ONLY
    )
    assert distil(python, copy)["scores"]["student"]["n"] == 64
