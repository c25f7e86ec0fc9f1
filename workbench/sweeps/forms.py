"""What a person types to make a sweep: up to six fields with values, grid or list, race or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.studio import forms as fields

from .settings import FIELDS, Axis, Race, values_of

KEEPS = ((2, "the better half"), (3, "the best third"), (4, "the best quarter"))


@dataclass
class SweepForm:
    title: str = ""
    rows: list[tuple[str, str]] = field(default_factory=list)  # path, values as typed
    mode: str = "grid"
    race: bool = False
    keep: int = 2
    rounds: int = 3

    @property
    def axes(self) -> list[Axis]:
        return [Axis(path, values_of(text)) for path, text in self.rows if path]

    @property
    def race_of(self) -> Race | None:
        return Race(self.keep, self.rounds) if self.race else None

    @property
    def numbered(self) -> list[dict[str, Any]]:
        """The lines of the form: those filled in, and one empty line as long as there may be more."""
        shown = [r for r in self.rows if r != ("", "")]
        shown += [("", "")] * (1 if len(shown) < FIELDS else 0) if shown else [("", ""), ("", "")]
        return [{"n": i, "path": p, "values": v, "id": f"axis-{i}"} for i, (p, v) in enumerate(shown)]


def read(post: Mapping[str, str]) -> SweepForm:
    """The form as it was posted; what is no choice falls back to the first one."""
    rows = [
        (fields.plain_text(post.get(f"path-{i}", ""))[:200], fields.plain_text(post.get(f"values-{i}", "")))
        for i in range(FIELDS)
    ]
    keep, rounds = fields.number_of(post.get("keep", "2")), fields.number_of(post.get("rounds", "3"))
    return SweepForm(
        title=fields.plain_text(post.get("title", ""))[:200],
        rows=[r for r in rows if r != ("", "")],
        mode="list" if post.get("mode") == "list" else "grid",
        race=post.get("race") in ("on", "true", "1"),
        keep=keep if isinstance(keep, int) and keep in dict(KEEPS) else 2,
        rounds=rounds if isinstance(rounds, int) and 2 <= rounds <= 5 else 3,
    )


def choices(recipe: Mapping[str, Any], options: list[fields.Input]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Fields one may vary, by card: the form's own, the method's options, and the terms of stages that are spelled out."""
    names = {
        "training": "Training",
        "adapter": "Adapter",
        "dataset": "Dataset",
        "evaluation": "Evaluation",
        "output": "Output",
    }
    groups = []
    for card, title in names.items():
        simple, more = fields.CARDS[card]
        groups.append(
            (title, [(p, fields.described(p).title) for p in (*simple, *more) if p not in ("name", "control")])
        )
    method = [("method", "Method"), *((i.path, i.title) for i in options)]
    models = [("teacher.model", "Teacher"), ("student.model", "Student")]
    return [("Method", method), *groups[:3], ("Models", models), *groups[3:], *_stages(recipe)]


def _stages(recipe: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    out = []
    stages = recipe.get("stages")
    for i, stage in enumerate(stages if isinstance(stages, list) else []):
        if not isinstance(stage, Mapping) or stage.get("kind", "train") != "train":
            continue
        found = [
            (f"stages.{i}.{n}", t)
            for n, t in (("learning_rate", "Learning rate"), ("epochs", "Epochs"), ("steps", "Steps"))
        ]
        for j, term in enumerate(stage.get("terms") or []):
            name = term.get("type", f"term {j + 1}") if isinstance(term, Mapping) else f"term {j + 1}"
            found += [(f"stages.{i}.terms.{j}.{n}", f"{name}: {n}") for n in ("weight", "temperature")]
        out.append((f"Stage {i + 1}", found))
    return out
