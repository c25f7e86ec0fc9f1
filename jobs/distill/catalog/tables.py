"""What exists: objective terms and systems by id, those of this package and those of plugins."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ..errors import RecipeInvalid
from ..objectives.adaptive_kl import AdaptiveKL
from ..objectives.alpha_beta import AlphaBeta
from ..objectives.base import Part
from ..objectives.confidence_penalty import ConfidencePenalty
from ..objectives.cross_entropy import CrossEntropy
from ..objectives.forward_kl import ForwardKL
from ..objectives.interpolated import Interpolated
from ..objectives.jsd import GeneralisedJSD
from ..objectives.label_mix import LabelMix
from ..objectives.reverse_kl import ReverseKL
from ..objectives.reverse_skew_kl import ReverseSkewKL
from ..objectives.skew_kl import SkewKL
from ..objectives.tvd import TotalVariation
from ..objectives.z_loss import ZLoss
from .system import System, load

PARTS: dict[str, type[Part]] = {
    "cross-entropy": CrossEntropy,
    "forward-kl": ForwardKL,
    "reverse-kl": ReverseKL,
    "jsd": GeneralisedJSD,
    "skew-kl": SkewKL,
    "reverse-skew-kl": ReverseSkewKL,
    "label-mix": LabelMix,
    "tvd": TotalVariation,
    "alpha-beta": AlphaBeta,
    "adaptive-kl": AdaptiveKL,
    "interpolated-kl": Interpolated,
    "z-loss": ZLoss,
    "confidence-penalty": ConfidencePenalty,
}

SYSTEM_FILES = (  # in the order of the method picker: the default first, the control second
    "llm-neo",
    "sft",
    "word-kd",
    "seqkd",
    "distillm-skew",
    "distillm-skew-reverse",
    "label-mix",
    "gkd-jsd",
)

SYSTEMS: dict[str, System] = {name: load(Path(__file__).parent / "systems" / f"{name}.yaml") for name in SYSTEM_FILES}

PROBLEMS: list[str] = []  # sentences about plugins that were left out


def _add(table: dict[str, Any], id: str, item: Any, point: EntryPoint) -> None:
    if id in table:
        PROBLEMS.append(f"Plugin {point.value} was left out: the id {id!r} is taken already.")
    else:
        table[id] = item


def _system(found: Any) -> System:
    return System.model_validate(found) if isinstance(found, dict) else load(Path(found))


def _part(found: Any) -> type[Part]:
    if not (isinstance(found, type) and issubclass(found, Part)):
        raise TypeError("it is not a subclass of jobs.distill.objectives.base.Part")
    return found


def add_plugins(parts: Iterable[EntryPoint], systems: Iterable[EntryPoint]) -> None:
    """Adds what other packages offer; one that cannot be read or reuses an id is left out and named in PROBLEMS."""
    for points, read, table in ((parts, _part, PARTS), (systems, _system, SYSTEMS)):
        for point in sorted(points, key=lambda p: (p.name, p.value)):
            try:
                item: Any = read(point.load())  # type: ignore[operator]
            except Exception as e:  # a stranger's package may fail in any way; the workbench must still start
                PROBLEMS.append(f"Plugin {point.value} was left out: {e}")
                continue
            _add(table, item.id, item, point)  # type: ignore[arg-type]


add_plugins(entry_points(group="distillation_workbench.parts"), entry_points(group="distillation_workbench.systems"))


def get_system(id: str) -> System:
    """Raises RecipeInvalid with the nearest names."""
    return _get(SYSTEMS, id, "method", "method")


def get_part(id: str, field: str = "type") -> type[Part]:
    return _get(PARTS, id, "objective term", field)


def _get(table: dict[str, Any], id: str, what: str, field: str) -> Any:
    if id in table:
        return table[id]
    near = difflib.get_close_matches(id, table, 1, 0.5)
    hint = f"Did you mean {near[0]}?" if near else f"One of {', '.join(table)}."
    raise RecipeInvalid(f"There is no {what} {id!r}. {hint}", field=field, hint=hint)
