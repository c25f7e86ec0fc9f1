"""`python -m jobs.samples make OUT_DIR` makes the sample models and data again from the shipped public data."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m jobs.samples", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make", help="train the tokenizer, the teacher and the student, and write the dataset")
    make.add_argument("folder", type=Path, metavar="OUT_DIR")
    make.add_argument("--seed", type=int, default=0)
    make.add_argument(
        "--tiny", action="store_true", help="toy models and three steps a stage: seconds, to try the script"
    )
    chosen = parser.parse_args()

    from jobs.samples.make import hashes
    from jobs.samples.make import make as make_sample

    make_sample(chosen.folder, seed=chosen.seed, tiny=chosen.tiny)
    print(json.dumps(hashes(chosen.folder), indent=1))


if __name__ == "__main__":
    main()
