"""The run folder of one attempt: everything the engine needs, written before it starts.

`RUNS_DIR/<run>/a<attempt>-<fence>/`. An attempt writes only into its own folder; checkpoints of older attempts are
read, never touched, so a zombie can harm nobody but itself.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Q

from jobs.distill import recipe as recipes
from jobs.distill.errors import DataRefused, DatasetChanged, ModelRejected, RecipeInvalid
from workbench.datasets import transforms
from workbench.datasets.models import DatasetVersion, Upload
from workbench.library.actions import hub_token
from workbench.library.models import Model
from workbench.runs import actions, blobs
from workbench.runs.models import Kind, Run

from . import reviews, teachers
from .lease import Lease

RAW_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def attempt_folder(lease: Lease) -> Path:
    return run_folder(lease.run_id) / f"a{lease.attempt}-{lease.fence}"


def run_folder(run_id: Any) -> Path:
    return Path(settings.RUNS_DIR) / str(run_id)


def older_attempts(lease: Lease) -> list[Path]:
    """Folders of earlier attempts, the newest first: the engine continues at the newest checkpoint that verifies."""
    mine = attempt_folder(lease)

    def order(path: Path) -> tuple[int, ...]:
        return tuple(int(n) for n in re.findall(r"\d+", path.name))

    found = [p for p in mine.parent.glob("a*-*") if p.is_dir() and p != mine]
    return sorted(found, key=order, reverse=True)


def prepare(lease: Lease) -> Path:
    """Writes the inputs and returns the folder.

    Raises RecipeInvalid, DatasetChanged, DataRefused or ModelRejected when the work cannot start as it was frozen.
    """
    run = Run.objects.select_related("dataset_version").get(pk=lease.run_id)
    folder = attempt_folder(lease)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if actions.canonical(run.spec) != run.spec_sha256:
        raise RecipeInvalid("The stored recipe does not match its hash.", hint="Start a new run from this one.")
    INPUTS[Kind(run.kind)](run, folder)
    return folder


def _distill(run: Run, folder: Path) -> None:
    recipe = recipes.parse(run.spec)
    (folder / "recipe.yaml").write_text(recipes.to_yaml(recipe), encoding="utf-8")
    if run.plan and "recipe" in run.plan:
        _json(folder / "plan.json", run.plan)
    _models(run, folder, recipe.models())
    _rows(run, folder, recipe.data.sha256)
    reviews.write(run, folder)
    if actions.rounds_are_enough(run.pk):
        (folder / actions.ENOUGH).touch()


def _evaluate(run: Run, folder: Path) -> None:
    """Judges an adapter that an earlier run made: its files, its recipe, the same rows."""
    adapter = Run.objects.filter(pk=run.spec.get("run"), team=run.team).first()
    if adapter is None:
        raise RecipeInvalid("The adapter to evaluate no longer exists.", field="run", hint="Choose another adapter.")
    for artifact in adapter.artifacts.filter(name__startswith="adapter/"):
        blobs.write_to(artifact.blob_id, folder / artifact.name)
    run.dataset_version = run.dataset_version or adapter.dataset_version
    _json(folder / "params.json", run.spec)
    recipe = recipes.parse(adapter.spec)
    (folder / "recipe.yaml").write_text(recipes.to_yaml(recipe), encoding="utf-8")
    roles = {who: ref for who, ref in recipe.models().items() if who in ("student", "teacher")}
    asked = {who: ref for who, ref in roles.items() if not teachers.is_endpoint(ref)}  # nothing is paid for twice
    _models(run, folder, asked)
    _rows(run, folder, None)


def _import(run: Run, folder: Path) -> None:
    upload = Upload.objects.filter(pk=run.spec.get("upload"), team=run.team).first()
    if upload is None:
        raise DataRefused("The uploaded file was discarded.", hint="Upload it again.")
    name = "input/" + (RAW_NAME.sub("_", Path(upload.filename).name).lstrip(".") or "upload")[-120:]
    blobs.write_to(upload.blob_id, folder / name)
    _json(folder / "params.json", {**run.spec, "file": name, "filename": upload.filename})


def _profile(run: Run, folder: Path) -> None:
    """Length statistics for the tokenizers of the models the team can see."""
    _rows(run, folder, None)
    found = {
        m.facts["tokenizer"]["vocab_sha256"]: m
        for m in reversed(visible_models(run))
        if m.facts and Path(m.folder).is_dir()
    }
    tokenizers = [
        {"folder": m.folder, "vocab_sha256": sha256, "title": m.title, "context": (m.facts or {}).get("context")}
        for sha256, m in found.items()
    ]
    against = [_evaluation_set(run, folder, n, one) for n, one in enumerate(run.spec.get("against") or [])]
    _json(folder / "params.json", {**run.spec, "tokenizers": tokenizers, "against": against})


def _evaluation_set(run: Run, folder: Path, n: int, asked: dict[str, Any]) -> dict[str, Any]:
    """The rows of a version that the profiled rows are held against, under a name of its own."""
    seen = Q(dataset__team=run.team) | Q(dataset__team=None)
    version = DatasetVersion.objects.filter(seen, pk=asked["version"]).select_related("dataset").first()
    if version is None:
        raise DataRefused(
            "An evaluation set of this check no longer exists.", field="against", hint="Choose the sets again."
        )
    name = f"data/against-{n}.parquet"
    blobs.write_to(version.rows_blob_id, folder / name)
    about = {"key": version.dataset.key, "title": version.dataset.title, "number": version.number}
    return {**about, "version": str(version.pk), "rows": asked.get("rows") or "all", "file": name}


def _transform(run: Run, folder: Path) -> None:
    """The rows, and what the steps read beside them: other versions, tokenizers, the file as it came."""
    _rows(run, folder, None)
    needed = transforms.needed(run.team, run.dataset_version, transforms.parsed(run.spec["steps"]))
    for n, version in enumerate(needed.versions.values()):
        blobs.write_to(version.rows_blob_id, folder / f"data/other-{n}.parquet")
    if source := needed.source:
        blobs.write_to(source.blob_id, folder / "input/source")
    _json(
        folder / "params.json",
        {
            **run.spec,
            "versions": {name: f"data/other-{n}.parquet" for n, name in enumerate(needed.versions)},
            "tokenizers": {key: model.folder for key, model in needed.models.items()},
            "source": source.as_dict("input/source") if source else None,
        },
    )


def _add_model(run: Run, folder: Path) -> None:
    """Every attempt of a run fetches into the same place, so a broken download goes on where it stopped."""
    target = Path(settings.MODELS_DIR) / str(run.team_id) / str(run.pk)
    _json(folder / "params.json", {**run.spec, "target": str(target)})


def _fetch(run: Run, folder: Path) -> None:
    """Every attempt goes on in the same place; limits and the list of private hosts are the administrator's, never the spec's."""
    ours = {
        "place": str(Path(settings.DATA_DIR) / "fetching" / str(run.pk)),
        "caps": {"bytes": settings.MAX_UPLOAD_BYTES, "seconds": settings.FETCH_SECONDS},
        "private_hosts": settings.ALLOWED_PRIVATE_HOSTS,
    }
    _json(folder / "params.json", run.spec | ours)


def secrets(lease: Lease) -> dict[str, str]:
    """What only the child's environment may hold, never a file: the team's token for gated models of the hub, and the keys
    of the endpoints that the run asks."""
    if lease.kind in teachers.ASKING:
        return teachers.keys(Run.objects.select_related("team").get(pk=lease.run_id))
    if lease.kind not in (Kind.ADD_MODEL, Kind.FETCH_DATASET):
        return {}
    run = Run.objects.select_related("team").get(pk=lease.run_id)
    if lease.kind == Kind.FETCH_DATASET and run.spec.get("source") != "hub":
        return {}
    try:
        token = hub_token(run.team)
    except ValueError:  # sealed with another SECRET_KEY; the hub's own answer says that a token is missing
        return {}
    return {"WB_HUB_TOKEN": token} if token else {}


def surroundings(lease: Lease) -> dict[str, str]:
    """What the child's environment holds beside keys: the ledger of replies, whose they are, the allowed private hosts."""
    if lease.kind not in teachers.ASKING:
        return {}
    return teachers.surroundings(lease, Run.objects.get(pk=lease.run_id))


def _prepare_samples(run: Run, folder: Path) -> None:
    _json(folder / "params.json", {**run.spec, "models_dir": str(settings.MODELS_DIR)})


INPUTS: dict[Kind, Callable[[Run, Path], None]] = {
    Kind.DISTILL: _distill,
    Kind.DRY_RUN: _distill,
    Kind.EVALUATE: _evaluate,
    Kind.IMPORT_DATASET: _import,
    Kind.PROFILE_DATASET: _profile,
    Kind.TRANSFORM_DATASET: _transform,
    Kind.FETCH_DATASET: _fetch,
    Kind.ADD_MODEL: _add_model,
    Kind.PREPARE_SAMPLES: _prepare_samples,
    Kind.TEST_ENDPOINT: teachers.test_inputs,
}


def described_teachers(folder: Path) -> list[dict[str, Any]]:
    """The teachers as models.json of a prepared folder names them, the main one first."""
    path = folder / "models.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    others = [found[who] for who in found if who not in ("student", "teacher")]
    return [m for m in (found.get("teacher"), *others) if m]


def visible_models(run: Run) -> list[Model]:
    """The team's own models first, then shared ones; the newest of each first."""
    found = Model.objects.filter(Q(team=run.team) | Q(team=None))
    return sorted(found, key=lambda m: (m.team_id is None, -m.created_at.timestamp()))


def _models(run: Run, folder: Path, refs: dict[str, recipes.ModelRef]) -> None:
    found = {who: teachers.described(run, r) if teachers.is_endpoint(r) else _model(run, r) for who, r in refs.items()}
    _json(folder / "models.json", found)


def _model(run: Run, ref: recipes.ModelRef) -> dict[str, Any]:
    for model in visible_models(run):
        if model.key == ref.model and ref.revision in (None, "", model.revision):
            if ref.sha256 and model.sha256 and ref.sha256 != model.sha256:
                continue
            return _described(model)
    version = f" at revision {ref.revision}" if ref.revision else ""
    raise ModelRejected(
        f"The model {ref.model}{version} is not in the library.",
        field="model",
        hint="Add it under Models, then try again.",
    )


def _described(model: Model) -> dict[str, Any]:
    return {
        "folder": model.folder,
        "key": model.key,
        "revision": model.revision or None,
        "sha256": model.sha256 or None,
    }


def _rows(run: Run, folder: Path, pinned: str | None) -> None:
    version = run.dataset_version or DatasetVersion.objects.filter(pk=run.spec.get("version")).first()
    if version is None:
        raise DataRefused(
            "The dataset version of this run no longer exists.",
            field="data.dataset",
            hint="Choose a dataset and start a new run.",
        )
    if pinned and pinned != version.sha256:
        raise DatasetChanged(
            f"The recipe was made for rows with hash {pinned[:12]}…, the dataset version has {version.sha256[:12]}….",
            field="data.sha256",
            hint="Start a new run with the present version.",
        )
    blobs.write_to(version.rows_blob_id, folder / "data" / "rows.parquet")


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")
