"""What every file must get, whatever its bytes: an answer. Anything raised is a finding, and so is an answer that is none."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HOSTILE = Path(__file__).parents[1] / "data" / "hostile"
LARGEST = 1 << 14  # bytes of a file to begin with, and of a file made from it
SECONDS, MEGABYTES = 20, 2048  # of one file
WITHOUT = (
    "atheris is not installed. It has wheels for Linux on x86-64 with Python 3.11 to 3.13: "
    "pip install -r requirements/dev.txt"
)
Made = Callable[[bytes], bytes]


def check(path: Path, name: str, **options: Any) -> None:
    """Raises AssertionError, or whatever the importer raised, for a file that is not answered as it must be."""
    from jobs.distill.data.limits import KIB, MIB, Limits
    from jobs.distill.data.options import Options
    from jobs.distill.data.scan import scan

    limits = Limits(unpacked=4 * MIB, ratio_from=MIB, line=64 * KIB, workbook=4 * MIB, in_memory=4 * MIB)
    counted = {"good": 0, "bad": 0}
    found = scan(
        path,
        name,
        None,
        Options(**options),
        limits=limits,
        good=lambda row: counted.__setitem__("good", counted["good"] + 1),
        bad=lambda row: counted.__setitem__("bad", counted["bad"] + 1),
    )
    assert found.outcome in ("accept", "confirm", "refuse")
    assert all(p.message for p in found.problems)
    if found.counts:
        assert found.counts["read"] == found.counts["rows"] + found.counts["refused"]
        assert (counted["good"], counted["bad"]) == (found.counts["rows"], found.counts["refused"])
    else:
        assert found.outcome == "refuse"
    json.dumps(found.as_dict(), ensure_ascii=False).encode("utf-8", "surrogatepass")
    for row in found.rows:
        texts = [m["content"] for m in row["messages"]] + [row["answer"] or ""]
        assert not any("\0" in text for text in texts)
        "".join(texts).encode("utf-8")  # no half characters: they cannot be stored


def fuzz(name: str, seeds: Sequence[bytes], made: Made = bytes, modules: Sequence[str] = (), **options: Any) -> None:
    """Runs libFuzzer with `made(bytes)` as the file `name`, beginning with `seeds`; ends the process."""
    if importlib.util.find_spec("atheris") is None:
        sys.exit(WITHOUT)
    place = Path(tempfile.mkdtemp(prefix="fuzz-"))
    if child := os.fork():  # libFuzzer ends its process at once: the parent cleans up
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        shutil.rmtree(place, ignore_errors=True)
        sys.exit(code if code >= 0 else 1)
    import atheris

    with atheris.instrument_imports(include=["jobs.distill.data", "json", "csv", *modules]):
        import jobs.distill.data.scan  # noqa: F401 - instrumented while it is imported
        from jobs.distill.data import read_archive, read_chatml, read_conll, read_json, read_text, read_xlsx  # noqa: F401

    (corpus := place / "corpus").mkdir()
    for i, seed in enumerate(seeds):
        if len(seed) <= LARGEST:
            (corpus / f"seed{i:02}").write_bytes(seed)
    file = place / "input"

    def one(data: bytes) -> None:
        file.write_bytes(made(data))
        check(file, name, **options)

    print(f"Files are made in {file}; a finding is kept as crash-... in the folder you are in.", file=sys.stderr)
    limits = [f"-max_len={LARGEST}", f"-timeout={SECONDS}", f"-rss_limit_mb={MEGABYTES}"]
    atheris.Setup([sys.argv[0], *limits, *sys.argv[1:], str(corpus)], one)
    atheris.Fuzz()


def hostile(*endings: str) -> list[bytes]:
    """The hostile files with these endings, small ones only."""
    return [p.read_bytes() for p in sorted(HOSTILE.iterdir()) if p.name.endswith(endings)]
