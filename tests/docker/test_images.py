"""The container files are read by the tools of their field: no image is built here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize("name", ["web", "worker"])
def test_it_satisfies_the_dockerfile_linter(name: str) -> None:
    done = subprocess.run([BIN / "hadolint", ROOT / "docker" / f"{name}.Dockerfile"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_satisfies_the_compose_specification() -> None:
    files = [ROOT / "docker" / "compose.yaml", ROOT / "docker" / "compose.gpu.yaml"]
    done = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", *files], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_copies_only_what_exists() -> None:
    for file in (ROOT / "docker").glob("*.Dockerfile"):
        for line in re.findall(r"^COPY (?!--from)(.+)$", file.read_text(), flags=re.M):
            *sources, _ = line.split()
            for source in sources:
                assert (ROOT / source).exists(), f"{file.name} copies {source}, which is not in the project"


def test_it_keeps_torch_out_of_the_web_image() -> None:
    assert "engine.txt" not in (ROOT / "docker" / "web.Dockerfile").read_text()
    assert not re.search(r"^torch", (ROOT / "requirements" / "web.txt").read_text(), flags=re.M)
