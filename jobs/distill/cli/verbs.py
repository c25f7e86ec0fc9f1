"""The verbs a supervisor spawns: `python -m jobs.distill VERB RUN_FOLDER`. Each kind of work is loaded only when asked for."""

from __future__ import annotations

import argparse
import gc
from pathlib import Path
from typing import Any

from ..errors import RecipeInvalid
from ..events import Events
from .main import in_folder, in_ranks_of, offline


def add(commands: Any) -> None:
    for name, (_, about) in VERBS.items():
        parser = commands.add_parser(name, help=about, description=about)
        parser.add_argument("folder", type=Path, metavar="RUN_FOLDER")
        parser.add_argument("--echo", action="store_true", help="say on the terminal what happens")
        parser.set_defaults(run=_run, verb=name)


def _run(given: argparse.Namespace) -> int:
    if not given.folder.is_dir():
        raise RecipeInvalid(f"There is no run folder {given.folder}.", hint="Check the path.")
    function, _ = VERBS[given.verb]
    if given.verb == "distill":
        return in_ranks_of(given.folder, given.echo, function)
    return in_folder(given.folder, given.echo, lambda events: function(given.folder, events))


def _distill(folder: Path, events: Events) -> None:
    offline()
    from ..run import distill

    gc.freeze()  # what is loaded stays: collecting between stages need not look at it
    distill(folder, events)


def _dry_run(folder: Path, events: Events) -> None:
    offline()
    from ..dry_run import dry_run

    dry_run(folder, events)


def _evaluate(folder: Path, events: Events) -> None:
    offline()
    from ..judge import evaluate

    evaluate(folder, events)


def _import_dataset(folder: Path, events: Events) -> None:
    from ..data.verbs import import_dataset

    import_dataset(folder, events)


def _fetch_dataset(folder: Path, events: Events) -> None:
    from ..data.fetch import fetch_dataset

    fetch_dataset(folder, events)


def _profile_dataset(folder: Path, events: Events) -> None:
    from ..data.verbs import profile_dataset

    profile_dataset(folder, events)


def _transform_dataset(folder: Path, events: Events) -> None:
    from ..data.transforms.make import transform_dataset

    transform_dataset(folder, events)


def _add_model(folder: Path, events: Events) -> None:
    from ..models.verbs import add_model

    add_model(folder, events)


def _test_endpoint(folder: Path, events: Events) -> None:
    from ..endpoints.probe import run_test

    run_test(folder, events)


def _prepare_samples(folder: Path, events: Events) -> None:
    from ..models.samples import prepare_samples

    prepare_samples(folder, events)


VERBS = {
    "distill": (_distill, "run or resume the distillation of a run folder"),
    "dry_run": (_dry_run, "take two real steps of a run folder and write dry_run.json: time, memory, terms"),
    "evaluate": (_evaluate, "score a model or adapter on rows"),
    "fetch_dataset": (_fetch_dataset, "bring a file from an address, or files of a dataset of the hub"),
    "import_dataset": (_import_dataset, "make an uploaded file canonical rows"),
    "profile_dataset": (_profile_dataset, "measure a dataset"),
    "transform_dataset": (_transform_dataset, "make the rows of a new version by recorded steps"),
    "add_model": (_add_model, "fetch and inspect a model"),
    "test_endpoint": (_test_endpoint, "ask an endpoint for its models, its log-probabilities and its speed"),
    "prepare_samples": (_prepare_samples, "make the sample models and data"),
}
