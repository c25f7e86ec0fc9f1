"""What the documents promise exists: files they link, commands they name, settings they list."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_it_links_only_what_exists(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links {target}"


def test_every_document_stands_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text()
    missing = [p.name for p in (ROOT / "docs").glob("*.md") if p.name != "README.md" and f"({p.name})" not in index]
    assert not missing


def test_it_names_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    named = set(re.findall(r"`make ([a-z-]+)|^make ([a-z-]+)", "\n".join(d.read_text() for d in DOCUMENTS), flags=re.M))
    assert {a or b for a, b in named} <= targets


def test_it_names_only_engine_commands_that_exist() -> None:
    from subprocess import run
    from sys import executable

    text = "\n".join(d.read_text() for d in [*DOCUMENTS, *(ROOT / "workbench/help/pages").glob("*.md")])
    named = set(re.findall(r"python -m jobs\.distill ([a-z_]+)", text))
    shown = run([executable, "-m", "jobs.distill", "--help"], cwd=ROOT, capture_output=True, text=True).stdout
    assert named and all(re.search(rf"\b{name}\b", shown) for name in named)


def test_it_names_only_commands_of_the_workbench_that_exist() -> None:
    """In code only: in a sentence the word after `workbench` is any."""
    from workbench.cli import parser

    text = "\n".join(d.read_text() for d in [*DOCUMENTS, *(ROOT / "workbench/help/pages").glob("*.md")])
    named = set(re.findall(r"(?:^|`)workbench ([a-z-]+)", text, flags=re.M)) - {"jobs"}  # a folder beside the other
    there = next(a.choices for a in parser()._actions if a.choices)
    assert named and named <= set(there or ()), named - set(there or ())


def test_it_lists_every_setting_that_is_read() -> None:
    """Environment variables read by settings and set-up code stand in .env.example with a comment."""
    code = "\n".join(p.read_text() for p in [ROOT / "workbench/settings.py", *(ROOT / "workbench/launch").glob("*.py")])
    read = set(re.findall(r"""(?:environ\.get\(|environ\[|flag\()"([A-Z_]+)""", code)) - {
        "DJANGO_SETTINGS_MODULE",
        "PATH",
    }
    listed = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.M))
    assert read <= listed, read - listed


def test_it_says_why_of_every_dependency_it_names() -> None:
    table = (ROOT / "docs/dependencies.md").read_text().lower()
    for layer in ("web", "engine", "four-bit", "dev"):
        for line in (ROOT / "requirements" / f"{layer}.in").read_text().splitlines():
            if name := re.match(r"[A-Za-z][\w.-]*", line):
                assert name[0].lower().replace("_", "-") in table.replace("_", "-"), (
                    f"{name[0]} has no reason in docs/dependencies.md"
                )


def test_it_carries_no_path_of_a_machine() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True).stdout.split("\0")
    for name in tracked:
        if (ROOT / name).is_file() and name.endswith(
            (".py", ".md", ".yaml", ".yml", ".toml", ".txt", ".html", ".js", ".css", ".json", ".sh")
        ):
            assert not re.search(r"(?<![\w/.])/(?:root|home/\w+|work)/", (ROOT / name).read_text(errors="replace")), (
                f"{name} names a path of a machine"
            )
