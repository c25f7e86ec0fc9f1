"""From fields with several values to settings, and from a race to the budget of each round. No database here."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from jobs.distill.catalog import SYSTEMS
from jobs.distill.errors import RecipeInvalid
from workbench.studio import forms, paths

MOST = 64  # settings of one sweep
FIELDS = 6  # fields of one sweep
Changes = dict[str, Any]


@dataclass(frozen=True)
class Axis:
    """One field of the recipe (`student.adapter.rank`) and the values it takes."""

    path: str
    values: tuple[Any, ...]

    @property
    def title(self) -> str:
        return title_of(self.path)


@dataclass(frozen=True)
class Race:
    """Successive halving (Jamieson and Talwalkar 2016): after each round one setting in `keep` goes on with `keep` times the budget."""

    keep: int = 2
    rounds: int = 3

    def share(self, round_: int) -> float:
        """The part of the recipe's own budget that round `round_` trains for; the last round has all of it."""
        return float(self.keep) ** -(self.rounds - 1 - round_)

    def sizes(self, settings: int) -> list[int]:
        """How many settings each round has."""
        sizes = [settings]
        for _ in range(self.rounds - 1):
            sizes.append(max(1, math.ceil(sizes[-1] / self.keep)))
        return sizes


def title_of(path: str) -> str:
    """The field's name as the form has it, or its path."""
    return next((i.title for i in forms.all_inputs() if i.path == path), path)


def values_of(text: str) -> tuple[Any, ...]:
    """`8, 16, 32`, `true, false`, `linear, cosine` or JSON: the values one field takes, each once, in their order."""
    text = forms.plain_text(text)
    try:
        found = json.loads(f"[{text}]")
    except ValueError:
        found = [_plain(part.strip()) for part in text.split(",") if part.strip()]
    out: list[Any] = []
    for value in found:
        if not any(type(value) is type(old) and value == old for old in out):
            out.append(value)
    return tuple(out)


def _plain(text: str) -> Any:
    words = {"true": True, "false": False, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    return forms.number_of(text)


def settings_of(axes: Sequence[Axis], mode: str) -> list[Changes]:
    """Every combination (grid), or the first values together, the second together ... (list).

    Raises RecipeInvalid without fields, with a field twice, with an empty one, with lists of different length, or above MOST.
    """
    _check(axes)
    if mode == "list":
        lengths = {len(a.values) for a in axes}
        if len(lengths) > 1:
            said = ", ".join(f"{a.title} has {len(a.values)}" for a in axes)
            raise RecipeInvalid(
                f"A list takes one value of each field at a time, but {said}.",
                field="axes",
                hint="Give every field the same number of values, or choose the grid.",
            )
        rows = list(zip(*(a.values for a in axes), strict=True))
    else:
        count = math.prod(len(a.values) for a in axes)
        rows = list(itertools.product(*(a.values for a in axes))) if count <= MOST else [()] * count
    if len(rows) > MOST:
        raise RecipeInvalid(
            f"These values make {len(rows):,} settings; a sweep has at most {MOST}.",
            field="axes",
            hint="Take fewer values, or list the settings you want.",
        )
    return [{a.path: v for a, v in zip(axes, row, strict=True)} for row in rows]


def _check(axes: Sequence[Axis]) -> None:
    if not axes:
        raise RecipeInvalid("No field has values.", field="axes", hint="Choose a field and write at least two values.")
    if len(axes) > FIELDS:
        raise RecipeInvalid(f"{len(axes)} fields vary; a sweep has at most {FIELDS}.", field="axes")
    seen: set[str] = set()
    for axis in axes:
        if axis.path in seen:
            raise RecipeInvalid(
                f"{axis.title} is there twice.", field=axis.path, hint="Write all its values in one line."
            )
        seen.add(axis.path)
        if not axis.values:
            raise RecipeInvalid(
                f"{axis.title} has no values.", field=axis.path, hint="Write values, separated by commas."
            )


def changed(recipe: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    """The recipe with these fields set; another method brings its own options and stages. Raises RecipeInvalid for a path into nothing."""
    out = deepcopy(dict(recipe))
    for path, value in changes.items():
        if path == "method":
            out.pop("options", None)
            out.pop("stages", None)
        if not _leads_nowhere(out, path):
            paths.put(out, path, value)
        if paths.get(out, path) != value:
            raise RecipeInvalid(
                f"The recipe has no place {path}.",
                field=path,
                hint="Stages and terms are counted from 0: stages.0.terms.0.weight.",
            )
    return out


def _leads_nowhere(data: Any, path: str) -> bool:
    """Whether the path names an item of a list that is not there."""
    parents = path.split(".")[:-1]
    here = [paths.get(data, ".".join(parents[: i + 1])) for i in range(len(parents))]
    listed = [data, *here]
    return any(isinstance(a, list) and b is None for a, b in zip(listed, here, strict=False))


def with_budget(recipe: Mapping[str, Any], share: float) -> dict[str, Any]:
    """The recipe trained for `share` of its steps or epochs. Raises RecipeInvalid where it says neither."""
    out = deepcopy(dict(recipe))
    if share == 1:
        return out
    if isinstance(out.get("stages"), list) and out["stages"]:
        for i, stage in enumerate(out["stages"]):
            if stage.get("kind", "train") == "train":
                _shorten(stage, share, f"stages.{i}")
        return out
    train = dict(out.get("train") or {})
    if train.get("steps") is None and train.get("epochs") is None:
        system = SYSTEMS.get(str(out.get("method") or ""))
        default = system.defaults if system else {}
        train |= {k: default[k].value for k in ("steps", "epochs") if k in default and default[k].value is not None}
    _shorten(train, share, "train")
    out["train"] = train
    return out


def _shorten(train: dict[str, Any], share: float, field: str) -> None:
    if isinstance(train.get("steps"), int):
        train["steps"] = max(1, round(train["steps"] * share))
    elif isinstance(train.get("epochs"), int | float):
        train["epochs"] = round(train["epochs"] * share, 6)
    else:
        raise RecipeInvalid(
            "A race shortens the training of its first rounds, but the recipe says neither epochs nor steps.",
            field=f"{field}.epochs",
            hint="Set the epochs or the optimizer steps first.",
        )


def words(changes: Changes) -> str:
    """rank 8, learning rate 0.001"""
    return ", ".join(f"{title_of(p)} {json.dumps(v) if not isinstance(v, str) else v}" for p, v in changes.items())
