"""A folder of datasets as a table: what each file is, how many rows come in, and how many clicks that takes on the page.

    python -m jobs.distill.data.table FOLDER [--write docs/datasets.md]

Each file is imported as the page does it: with the roles that were found, warnings seen, and offers taken one by one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .findings import Findings
from .options import Options
from .read_archive import NOT_ROWS
from .scan import scan
from .tasks.instruction import language_of
from .tasks.templates import TEMPLATES

HEADER = ("Dataset", "File", "Read as", "Roles found", "Task", "Rows", "Refused", "Seconds", "Clicks", "")


@dataclass(frozen=True)
class Line:
    """One file. `clicks`: presses from the page of the upload to the import; None where it holds no rows, `said` why."""

    dataset: str
    file: str
    format: str
    form: str
    roles: str
    task: str
    rows: int
    refused: int
    seconds: float
    clicks: int | None
    said: str

    def cells(self) -> tuple[str, ...]:
        numbers = (f"{self.rows:,}", f"{self.refused:,}") if self.clicks else ("", "")
        form = f"{self.format}: {self.form}" if self.form and self.clicks else self.format
        clicks = str(self.clicks) if self.clicks else "no rows"
        return (
            self.dataset,
            self.file,
            form,
            self.roles,
            self.task,
            *numbers,
            f"{self.seconds:.2f}",
            clicks,
            self.said,
        )


def lines(folder: Path) -> Iterator[Line]:
    """The files of a folder and of its folders, in order; parallel texts as one archive, a line for each group."""
    for place in [folder, *sorted(p for p in folder.iterdir() if p.is_dir())]:
        files = sorted(p for p in place.iterdir() if p.is_file() and not NOT_ROWS.match(p.name))
        parallel = [p for p in files if "." in p.name and language_of(p.name.rsplit(".", 1)[-1])]
        for path in files:
            if path not in parallel or len(parallel) < 2:
                yield line(place.name, path, path.name)
        if len(parallel) > 1:
            yield from _together(place.name, parallel)


def _together(dataset: str, files: list[Path]) -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{dataset}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                archive.write(file, file.name)
        choices = scan(path, path.name, seconds=1).offers.get("choices") or []
        groups = [value for choice in choices if choice["name"] == "part" for value, _ in choice["options"]]
        for group in groups or [""]:
            yield line(dataset, path, group or path.name, Options(part=group), chosen=len(groups) > 1)


def line(dataset: str, path: Path, name: str, options: Options = Options(), chosen: bool = False) -> Line:  # noqa: B008
    """One file, imported with what a person would press. `chosen`: something was chosen before, which was a click too."""
    started = time.process_time()
    found = scan(path, path.name, options=options)
    clicks = 1 + chosen
    if offers := [p.code for p in found.problems if p.severity == "choose"]:
        clicks += len(offers)
        found = scan(path, path.name, options=options.model_copy(update={"accepted": tuple(offers)}))
    seconds = time.process_time() - started
    refusals = [p for p in found.open_problems if p.severity in ("refuse", "choose")]
    task = TEMPLATES.get(found.template.get("key", ""))
    return Line(
        dataset, name, found.format or path.suffix.lstrip("."), found.form, _roles(found), task.title if task else "",
        found.counts.get("rows", 0), found.counts.get("refused", 0), seconds, None if refusals else clicks, _said(found, offers),
    )  # fmt: skip


def _roles(found: Findings) -> str:
    return ", ".join(f"{role.split(':')[0]}: {column}" for role, column in found.roles.items())


def _said(found: Findings, offers: list[str]) -> str:
    refusals = [p for p in found.open_problems if p.severity == "refuse"]
    told = refusals[:1] or [p for p in found.problems if p.code in (*offers, "unsupported_rows")]
    return " ".join(p.choice or p.message for p in told)[:160]


def markdown(found: list[Line]) -> str:
    rows = [HEADER, tuple("---" for _ in HEADER), *(one.cells() for one in found)]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", type=Path, help="put the table into this Markdown file, between its marks")
    args = parser.parse_args(arguments)
    if not args.folder.is_dir():
        parser.error(f"{args.folder} is no folder.")
    table = markdown(list(lines(args.folder)))
    if not args.write:
        print(table)
        return 0
    text = args.write.read_text(encoding="utf-8")
    before, mark, rest = text.partition("<!-- table -->\n")
    _, end, after = rest.partition("<!-- end -->")
    if not mark or not end:
        parser.error(f"{args.write} has no lines <!-- table --> and <!-- end -->.")
    args.write.write_text(f"{before}{mark}{table}\n{end}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
