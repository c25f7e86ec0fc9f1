"""Renews the lock files: `make lock`. Each layer is resolved against the ones below it, with hashes; torch stands apart."""

from __future__ import annotations

import re
import subprocess
import sys

from .bootstrap import REQUIREMENTS

OPTIONS = [
    "--quiet",
    "--generate-hashes",
    "--strip-extras",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-emit-trusted-host",
    "--allow-unsafe",
]


def compile_layer(name: str) -> None:
    """requirements/<name>.in -> <name>.txt. torch is resolved for its dependencies' sake and then left out: its builds differ by platform."""
    source, target = REQUIREMENTS / f"{name}.in", REQUIREMENTS / f"{name}.txt"
    inputs = [source.name] + (["torch.txt"] if name in ("engine", "four-bit") else [])
    subprocess.run(
        [sys.executable, "-m", "piptools", "compile", *OPTIONS, "-o", target.name, *inputs],
        cwd=REQUIREMENTS,
        check=True,
    )
    text = re.sub(r"^torch==.*?(?=^\S)", "", target.read_text(), flags=re.S | re.M)
    target.write_text(text)


def main() -> None:
    for name in ("web", "engine", "four-bit", "dev"):
        compile_layer(name)


if __name__ == "__main__":
    main()
