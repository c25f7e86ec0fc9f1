"""Which models take part: teachers, the student, its shape and its adapter."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .adapter import Adapter
from .base import Strict
from .context import Context
from .endpoint import Budget, Endpoint
from .labelling import Labelling, Task
from .shape import Shape


class ModelRef(Strict):
    """A model: an id of the library (`sample/...`), a hub id (`org/name`) or a folder."""

    model: str = Field(
        min_length=1, max_length=400, title="Model", description="Library id, hub id (org/name) or folder."
    )
    revision: str | None = Field(
        None,
        max_length=200,
        title="Revision",
        description="Branch, tag or commit; pinned to a commit hash when the run starts.",
    )
    sha256: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        title="Manifest hash",
        description="Hash over the hashes of the model's files; set when the recipe is frozen.",
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", title="Number format", description="auto: bfloat16 where the GPU supports it, float32 on CPU."
    )
    quantise: Literal["none", "nf4"] = Field(
        "none",
        title="Weights in memory",
        description="none: in the number format above. nf4: the layers' weights in 4 bits, computed in the number format above "
        "(QLoRA, arXiv:2305.14314): about a quarter of the memory of bfloat16, slower, slightly different answers.",
    )
    placement: Literal["auto", "each", "sharded", "own"] = Field(
        "auto",
        title="On several GPUs",
        description="each: a copy on every GPU. sharded: every GPU holds a part of each layer. own: a GPU of its own, for a "
        "teacher that runs beside the student. auto: each, as long as that fits. The result is the same.",
    )
    endpoint: Endpoint | None = Field(
        None,
        title="Endpoint",
        description="For a model behind an address: how it is asked. Empty: the model's files are used.",
    )
    budget: Budget | None = Field(
        None,
        title="Budget",
        description="For an endpoint of the library: hard caps of this run. The run pauses where they are reached.",
    )


class Teacher(ModelRef):
    """One more teacher, or an assistant between teacher and student."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$", title="Name", description="What stages call it.")


class Student(ModelRef):
    placement: Literal["auto", "each", "sharded"] = Field(
        "auto",
        title="On several GPUs",
        description="each: a copy on every GPU. sharded: every GPU holds a part of each layer. auto: each, as long as that fits. "
        "The result is the same.",
    )
    shape: Shape | None = Field(
        None, title="Shape", description="Cut or merge the student before training; empty: as it is."
    )
    context: Context | None = Field(
        None,
        title="Longer rows",
        description="Stretch the student's positions, so that it can be trained on rows longer than those it was made for; empty: as it is.",
    )
    adapter: Adapter = Adapter()
    task: Task = Field(
        "auto",
        title="Task",
        description="generate: the student writes. classify: it names one label a row. tag: it marks parts of the text. auto: what the "
        "model's architecture can do; an encoder classifies, or tags where the answers are lists of spans.",
    )
    labelling: Labelling = Labelling()
