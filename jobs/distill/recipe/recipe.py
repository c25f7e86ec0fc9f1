"""The whole recipe: what to distil, from whom, on what, how, and how it is judged."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from .base import Strict
from .data import Data
from .evaluation import Evaluation
from .models import ModelRef, Student, Teacher
from .reward import Reward
from .stages import Generate, Merge, Record, Select
from .train import Train, TrainOptions
from .use import Use
from .writing import NAME, Prefer, Review, Stop, Verify, Write

VERSION: Final = 1

Plain = Generate | Record | Select | Train | Merge | Write | Verify | Prefer | Review | Reward | Use


class Loop(Strict):
    """Stages that are carried out again and again; the student goes on from round to round, the rows grow."""

    kind: Literal["loop"] = "loop"
    name: str = Field("rounds", pattern=NAME)
    rounds: int = Field(3, ge=1, le=20, title="Rounds", description="At most.")
    stages: list[Annotated[Plain, Field(discriminator="kind")]] = Field(min_length=1, max_length=20, title="Stages")
    stop: Stop = Stop()


Stage = Annotated[Plain | Loop, Field(discriminator="kind")]


class Recipe(Strict):
    """What to distil, from whom, on what, how, and how it is judged."""

    version: Literal[1] = VERSION
    name: str = Field("Untitled run", min_length=1, max_length=200, title="Name")
    method: str | None = Field(
        None,
        max_length=80,
        title="Method",
        description="A published system of the catalogue; empty when the stages are spelled out.",
    )
    options: dict[str, float | int | str | bool | list[str]] = Field(default_factory=dict, title="Method options")
    train: TrainOptions = Field(default_factory=TrainOptions, title="Training")
    teacher: ModelRef | None = Field(None, title="Teacher")
    teachers: list[Teacher] = Field(
        default_factory=list,
        max_length=8,
        title="More teachers",
        description="Other teachers and assistants that stages name.",
    )
    student: Student
    data: Data
    stages: list[Stage] = Field(default_factory=list, max_length=50, title="Stages")
    evaluation: Evaluation = Evaluation()
    control: bool = Field(
        True,
        title="Control arm",
        description="The same adapter, plain fine-tuning on the labelled rows, same number of steps and seed.",
    )
    seed: int = Field(0, ge=0, lt=2**31, title="Seed")

    @model_validator(mode="after")
    def _one_form(self) -> Recipe:
        if bool(self.method) == bool(self.stages):
            raise ValueError(
                "give either a method or stages" if self.method else "give a method or spell the stages out"
            )
        return self

    @model_validator(mode="after")
    def _names_are_one_each(self) -> Recipe:
        taken = ["teacher", "student", *(t.id for t in self.teachers)]
        if double := next((n for n in taken if taken.count(n) > 1), None):
            raise ValueError(f"two models are called {double!r}; each of the recipe's models needs a name of its own")
        return self

    def flat(self) -> list[tuple[str, Plain | Loop]]:
        """Every stage with its place, those of a loop after it: ("stages.2", loop), ("stages.2.stages.0", ...)."""
        out: list[tuple[str, Plain | Loop]] = []
        for i, stage in enumerate(self.stages):
            out.append((f"stages.{i}", stage))
            if isinstance(stage, Loop):
                out += [(f"stages.{i}.stages.{k}", inner) for k, inner in enumerate(stage.stages)]
        return out

    def model(self, who: str) -> ModelRef | None:
        """The reference called `who`: teacher, student or the name of another teacher."""
        named = {t.id: t for t in self.teachers}
        return self.student if who == "student" else self.teacher if who == "teacher" else named.get(who)

    def models(self) -> dict[str, ModelRef]:
        """Every model of the recipe by what stages call it: student, teacher where there is one, the further teachers."""
        main = {"student": self.student} | ({"teacher": self.teacher} if self.teacher else {})
        return {**main, **{t.id: t for t in self.teachers}}

    def field_of(self, who: str) -> str:
        """Where the recipe names the model called `who`: teacher.model, teachers.0.model."""
        places = {t.id: f"teachers.{i}.model" for i, t in enumerate(self.teachers)}
        return places.get(who, f"{who}.model")
