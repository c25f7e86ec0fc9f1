"""`shape`: makes only the shaped student, from a recipe or from a model folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import RecipeInvalid
from .main import offline

ABOUT = "make the student's shape and nothing else: a model folder that transformers loads"


def add(commands: Any) -> None:
    parser = commands.add_parser("shape", help=ABOUT, description=ABOUT.capitalize() + ".")
    parser.set_defaults(run=_shape)
    parser.add_argument("what", metavar="RECIPE_OR_MODEL", help="a recipe whose student has a shape; or a model")
    parser.add_argument("--out", type=Path, required=True, help="folder of the new model; it must not be there yet")
    parser.add_argument("--shape", help="for a model: its shape as YAML, for instance '{kind: truncate, layers: 4}'")
    parser.add_argument("--data", type=Path, help="rows to measure on: JSONL, CSV, TSV or Parquet")
    parser.add_argument("--student-folder", type=Path, help="the student lies here")
    parser.add_argument("--teacher-folder", type=Path, help="the teacher lies here")
    parser.add_argument("--seed", type=int, help="overrides the recipe's seed")


def _shape(given: argparse.Namespace) -> int:
    if given.out.exists():
        raise RecipeInvalid(f"{given.out} is there already.", field="out", hint="Choose a folder that does not exist.")
    recipe, models, rows = _found(given)
    shape = recipe.student.shape
    if shape is None:
        raise RecipeInvalid(
            "The student has no shape, so there is nothing to make.",
            field="student.shape",
            hint="Set student.shape in the recipe, or give a model and --shape.",
        )
    offline()
    from ..shapes.make import make

    given.out.parent.mkdir(parents=True, exist_ok=True)
    student = models.pop("student")
    seed = recipe.seed if given.seed is None else given.seed
    note = make(
        student, given.out, shape, key=_key(recipe.student.model), rows=rows, others=models, seed=seed, told=print
    )
    sizes = note["parameters"]
    print(f"{given.out}: {sizes['after']:,} parameters instead of {sizes['before']:,}; manifest {note['sha256'][:16]}…")
    return 0


def _found(given: argparse.Namespace) -> tuple[Any, dict[str, Path], list[Any]]:
    """(expanded recipe, folders of its models, training rows)."""
    from .. import recipe as recipes
    from ..catalog import expand
    from ..prepare import Overrides, find, find_models

    file = Path(given.what)
    if given.shape is None and file.is_file():
        recipe, beside = expand(recipes.load(file)), file.parent
    else:
        recipe, beside = _of_model(given), Path()
    overrides = Overrides(given.teacher_folder, given.student_folder, given.data)
    if given.data is None and not (recipe.data.file or recipe.data.dataset):
        return recipe, find_models(recipe, overrides, beside), []
    places = find(recipe, overrides, beside)
    return recipe, dict(places.models), _training_rows(recipe, places.rows)


def _of_model(given: argparse.Namespace) -> Any:
    """A recipe around a model and a shape, so that both are checked as in any recipe."""
    from .. import recipe as recipes
    from ..recipe import yaml_text

    if given.shape is None:
        raise RecipeInvalid(
            f"{given.what} is no recipe file.",
            hint="Give a recipe, or a model with --shape '{kind: truncate, layers: 4}'.",
        )
    try:
        shape, _ = yaml_text.read(given.shape)
    except yaml_text.WrongYaml as e:
        raise RecipeInvalid(f"--shape is not YAML: {e.what}.", field="student.shape") from None
    return recipes.parse({"method": "sft", "student": {"model": given.what, "shape": shape}, "data": {}})


def _training_rows(recipe: Any, records: list[dict[str, Any]]) -> list[Any]:
    """Rows of the training split, as a run would measure on."""
    import tempfile

    import pyarrow as pa
    import pyarrow.parquet as pq

    from ..data.schema import SCHEMA
    from ..rows import read_rows, stratified

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        pq.write_table(pa.Table.from_pylist(records, schema=SCHEMA), path)
        rows = read_rows(path, recipe.data.heldout)
    return stratified([r for r in rows if r.split != "heldout"], recipe.data.limit, recipe.seed)


def _key(model: str) -> str:
    """What the note calls the model: never a path of this machine."""
    return Path(model).name if Path(model).is_absolute() or Path(model).is_dir() else model
