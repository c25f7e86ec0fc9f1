"""Runs a module of ours on a stranger's file in a child with little memory and little time, and reads its JSON answer."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..errors import ModelRejected

ROOT = Path(__file__).resolve().parents[3]
MEMORY = 3 * 2**30  # bytes of address space: the largest tokenizers in use need about 1 GiB
SECONDS = 30


def run_limited(module: str, argument: str, *, seconds: int = SECONDS) -> dict[str, Any]:
    """JSON object that `python -m module argument` prints. Raises ModelRejected with the child's own reason, or for a
    child that ran out of time or memory or was aborted (a Rust panic, a bomb in a regular expression)."""
    env = {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(ROOT),
        "TOKENIZERS_PARALLELISM": "false",
        "RAYON_NUM_THREADS": "1",
        "LANG": "C.UTF-8",
    }
    child = subprocess.Popen(
        [sys.executable, "-m", module, argument],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        env=env,
        start_new_session=True,
    )
    try:
        out, _ = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        raise _exceeded(seconds) from None
    try:
        answer = json.loads(out)
    except ValueError:
        raise _exceeded(seconds) from None
    if error := answer.get("error"):
        raise ModelRejected(error["message"], code=error.get("code"), hint=error.get("hint"), field=error.get("field"))
    return dict(answer)


def limit_myself(seconds: int = SECONDS, memory: int = MEMORY) -> None:
    """First line of such a module's main: no more than this much CPU time and memory, no core files, no files written."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _exceeded(seconds: int) -> ModelRejected:
    return ModelRejected(
        f"The tokenizer could not be loaded (limit: {seconds} s and {MEMORY // 2**30} GiB).",
        code="MODEL_TOKENIZER",
        field="tokenizer.json",
        hint="Save the tokenizer again with a recent version of transformers, or choose another model.",
    )
