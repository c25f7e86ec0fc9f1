"""`python -m jobs.samples list` shows the samples; `... make OUT_DIR` makes them again from the shipped public data."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from jobs.samples import catalog
from jobs.samples.record import record


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m jobs.samples", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="show the sample models and datasets")
    make = commands.add_parser("make", help="train the tokenizer, the teacher and the student, and write the dataset")
    make.add_argument("folder", type=Path, metavar="OUT_DIR")
    make.add_argument("--seed", type=int, default=0)
    make.add_argument("--tiny", action="store_true", help="toy models, three steps a stage: seconds, to try the script")
    signals = commands.add_parser("record", help="record the shipped teacher's answers and signals")
    signals.add_argument("folder", type=Path, metavar="OUT_DIR")
    excerpts = commands.add_parser("excerpts", help="cut the small datasets of the templates from the published ones")
    excerpts.add_argument("sources", type=Path, metavar="SOURCES")
    excerpts.add_argument("folder", type=Path, metavar="OUT_DIR")
    chosen = parser.parse_args()
    if chosen.command == "list":
        show()
    elif chosen.command == "record":
        record(chosen.folder)
    elif chosen.command == "excerpts":
        from jobs.samples.excerpts import write

        write(chosen.sources, chosen.folder)
    else:
        make_again(chosen.folder, chosen.seed, chosen.tiny)


def show() -> None:
    samples: list[catalog.SampleModel | catalog.SampleDataset] = [*catalog.MODELS, *catalog.DATASETS]
    for sample in samples:
        print(f"{sample.key:28} {sum(file.bytes for file in sample.files) / 1e6:5.1f} MB  {sample.description}")


def make_again(folder: Path, seed: int, tiny: bool) -> None:
    """Trains, then prints the size and hash of every file as JSON."""
    from jobs.samples.make import hashes, make

    make(folder, seed=seed, tiny=tiny)
    print(json.dumps(hashes(folder), indent=1))


if __name__ == "__main__":
    main()
