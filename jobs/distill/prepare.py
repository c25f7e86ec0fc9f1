"""A run folder from a recipe, and the facts the compiler needs, for runs without the web app."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import recipe as recipes
from .errors import ModelRejected, PlanRefused
from .events import Events
from .plan.facts import DataFacts, DeviceFacts, EndpointFacts, Facts, ModelFacts
from .plan.result import Plan
from .recipe import ModelRef, Recipe


@dataclass(frozen=True)
class Overrides:
    """What the command line puts in the place of the recipe's references."""

    teacher_folder: Path | None = None
    student_folder: Path | None = None
    data: Path | None = None

    def folder(self, who: str) -> Path | None:
        return {"teacher": self.teacher_folder, "student": self.student_folder}.get(who)


@dataclass
class Places:
    """Where the models and rows of a recipe lie."""

    models: dict[str, Path]
    rows: list[dict[str, Any]] = field(default_factory=list)


def find(recipe: Recipe, overrides: Overrides, beside: Path, events: Events | None = None) -> Places:
    """Resolves references of a recipe: folders and files beside the recipe, samples, the hub. Raises in words."""
    return Places(find_models(recipe, overrides, beside, events), _rows(recipe, overrides, beside))


def find_models(recipe: Recipe, overrides: Overrides, beside: Path, events: Events | None = None) -> dict[str, Path]:
    """Name -> folder of the recipe's models."""
    models = {}
    for who, reference in recipe.models().items():
        if reference.endpoint is not None and overrides.folder(who) is None:
            continue  # it has no files
        models[who] = overrides.folder(who) or _model(reference, beside, events)
        if not models[who].is_dir():
            raise ModelRejected(
                f"There is no folder {str(models[who])!r}.", field=recipe.field_of(who), hint="Check the path."
            )
    return models


def _model(reference: ModelRef, beside: Path, events: Events | None) -> Path:
    from .models.verbs import resolve

    near = beside / reference.model
    return near if near.is_dir() and not reference.model.startswith("sample/") else Path(resolve(reference, events))


def _rows(recipe: Recipe, overrides: Overrides, beside: Path) -> list[dict[str, Any]]:
    from .data.load import read_any

    file = overrides.data or (Path(recipe.data.file) if recipe.data.file else None)
    if file is None and recipe.data.dataset:
        file = _sample_rows(recipe.data.dataset)
    if file is None:
        raise PlanRefused("The recipe names no data.", field="data.file", hint="Set data.file, or give --data FILE.")
    if not file.is_absolute() and overrides.data is None and (beside / file).exists():
        file = beside / file
    return read_any(file, recipe.data.roles or None)


def _sample_rows(dataset: str) -> Path:
    """Rows of a dataset that ships beside the engine."""
    try:
        from jobs.samples.catalog import DATASETS
    except ImportError:
        DATASETS = ()
    for sample in DATASETS:
        if sample.key == dataset:
            return Path(sample.folder) / sample.rows
    raise PlanRefused(
        f"The dataset {dataset!r} is not on this machine.",
        field="data.dataset",
        hint="Set data.file, or give --data FILE.",
    )


def write_folder(recipe: Recipe, places: Places, folder: Path, plan: Plan | None) -> None:
    """The inputs of a run, as the web app writes them: recipe.yaml, plan.json, models.json, data/rows.parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from .data.schema import SCHEMA
    from .models.folder import manifest_sha256

    (folder / "data").mkdir(parents=True, exist_ok=True)
    listed: dict[str, dict[str, Any]] = {
        who: {"key": ref.model, "endpoint": ref.endpoint.model_dump(mode="json")}
        for who, ref in recipe.models().items()
        if ref.endpoint is not None and who not in places.models
    }
    for who, place in places.models.items():
        reference = recipe.models()[who]
        key = reference.model if not Path(reference.model).is_absolute() else Path(reference.model).name
        listed[who] = {
            "folder": str(place.resolve()),
            "key": key,
            "revision": reference.revision,
            "sha256": manifest_sha256(place),
        }
    (folder / "models.json").write_text(json.dumps(listed, indent=1))
    (folder / "recipe.yaml").write_text(recipes.to_yaml(recipe), encoding="utf-8")
    if plan:
        (folder / "plan.json").write_text(plan.model_dump_json(indent=1), encoding="utf-8")
    pq.write_table(
        pa.Table.from_pylist(places.rows, schema=SCHEMA), folder / "data" / "rows.parquet", compression="zstd"
    )


def facts_of(recipe: Recipe, places: Places, device: DeviceFacts) -> Facts:
    """Facts about the models, the rows (tokenised with both tokenizers) and the device."""
    from .models.inspect import inspect_model

    models = {who: inspect_model(place, name=recipe.models()[who].model) for who, place in places.models.items()}
    more = {who: found for who, found in models.items() if who not in ("student", "teacher")}
    return Facts(
        student=models["student"],
        teacher=models.get("teacher"),
        teachers=more,
        endpoints={who: behind(ref) for who, ref in recipe.models().items() if ref.endpoint and who not in models},
        data=data_facts(recipe, places, models),
        device=device,
    )


def behind(ref: ModelRef) -> EndpointFacts:
    """What the recipe itself says of a teacher behind an address."""
    assert ref.endpoint is not None
    spec = ref.endpoint
    named = {n: getattr(spec, n) for n in EndpointFacts.model_fields if hasattr(spec, n) and n != "key"}
    return EndpointFacts(key=ref.model, title=spec.model, **named)


def data_facts(recipe: Recipe, places: Places, models: dict[str, ModelFacts]) -> DataFacts:
    from .data.profile import profile

    tokenizers: dict[str, dict[str, Any]] = {}
    for who, facts in models.items():
        entry = {
            "folder": str(places.models[who]),
            "vocab_sha256": facts.tokenizer.vocab_sha256,
            "title": facts.name,
            "context": facts.context,
        }
        tokenizers.setdefault(facts.tokenizer.vocab_sha256, entry)
    found = profile(places.rows, "0" * 64, list(tokenizers.values()), recipe.data.heldout, lambda done: None)
    return DataFacts.model_validate(found["facts"])


def compile_plan(recipe: Recipe, places: Places, device: DeviceFacts) -> Plan:
    from .catalog import PARTS
    from .plan.compiler import compile as compile_recipe

    return compile_recipe(recipe, facts_of(recipe, places, device), parts=PARTS)


def refuse(plan: Plan) -> None:
    """Raises the plan's first refusal, with how many more there are."""
    if plan.ok:
        return
    first, more = plan.refusals[0], len(plan.refusals) - 1
    tail = f" And {more} more problem{'s' if more > 1 else ''}: see `plan`." if more else ""
    raise PlanRefused(
        first.message + tail, field=first.field, hint=first.fix.label if first.fix else None, code=first.code
    )
