"""The one schema of a recipe: Python object, YAML file, JSON in the API and the form in the studio. Light: no torch.

The small form names a published system (`method: llm-neo`, `options: {k: 0.9}`); the large form spells the stages out.
`expand` turns the first into the second; both are this schema. Unknown fields are refused by name.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import RecipeInvalid

VERSION: Final = 1


class Strict(BaseModel):
    """Frozen, refuses unknown fields and non-finite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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


class Adapter(Strict):
    """LoRA on the student. Hu et al. 2021, arXiv:2106.09685."""

    type: Literal["lora"] = Field("lora", title="Kind")
    rank: int = Field(
        16,
        ge=1,
        le=1024,
        title="Rank",
        description="Width of the low-rank update. LLM-Neo: larger is better up to the layer's width.",
    )
    alpha: float = Field(32, gt=0, le=8192, title="Alpha", description="The update is scaled by alpha / rank.")
    dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Dropout",
        description="Dropout on the adapter's input. Keep 0 with a divergence: it adds noise to the student's distribution.",
    )
    targets: Literal["all-linear"] | list[str] = Field(
        "all-linear",
        title="Target layers",
        description="all-linear, or names from the model's own linear modules (q_proj, down_proj ...).",
    )
    rslora: bool = Field(
        False, title="rsLoRA", description="Scale by alpha / sqrt(rank): stable at high rank (arXiv:2312.03732)."
    )
    dora: bool = Field(
        False, title="DoRA", description="Learn direction and magnitude apart (arXiv:2402.09353); slower."
    )
    head: bool = Field(
        False,
        title="Adapt the output layer too",
        description="LoRA on lm_head as well: for answers the base would hardly ever say.",
    )


class Student(ModelRef):
    adapter: Adapter = Adapter()


class Data(Strict):
    """Which rows. In a run folder they are `data/rows.parquet`: row_id, messages, answer (null: unlabelled), split, line."""

    dataset: str | None = Field(None, title="Dataset", description="Dataset of the library.")
    version: int | None = Field(None, ge=1, title="Version")
    file: str | None = Field(
        None, title="File", description="A JSONL, CSV, TSV or Parquet file, for runs without the web app."
    )
    sha256: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        title="Content hash",
        description="The run is refused when the data no longer match it.",
    )
    roles: dict[str, str] = Field(
        default_factory=dict,
        title="Roles",
        description="role -> column: system, user, assistant, split, id, messages. Empty: found automatically.",
    )
    heldout: float = Field(
        0.1,
        gt=0,
        lt=1,
        title="Held-out share",
        description="Share of labelled rows kept for evaluation, by hash of the row, when the data carry no split of their own.",
    )
    limit: int | None = Field(
        None, ge=1, title="Use at most", description="Rows; a stratified sample by label is taken, never the first n."
    )
    max_length: int | None = Field(
        None,
        ge=8,
        le=1_000_000,
        title="Longest row (tokens)",
        description="Default: the smaller context of teacher and student.",
    )
    too_long: Literal["drop", "truncate"] = Field(
        "drop",
        title="Rows that are longer",
        description="drop: left out, counted and listed. truncate: the prompt is cut on the left, the answer never.",
    )


class Term(Strict):
    """One objective term: a part of the catalogue with its weight and options."""

    type: str = Field(title="Term", description="Id of an objective in the catalogue.")
    weight: float = Field(1.0, ge=0, le=1e6, title="Weight")
    temperature: float = Field(
        1.0, ge=0.05, le=100, title="Temperature T", description="Both distributions are softmax(z / T)."
    )
    t_squared: bool | None = Field(
        None,
        title="Multiply by T squared",
        description="Hinton's scaling, in value and gradient. Must be stated when T is not 1.",
    )
    rows: Literal["all", "labelled", "unlabelled"] = Field("all", title="Rows")
    options: dict[str, float | int | str | bool] = Field(
        default_factory=dict, title="Options", description="The part's own options."
    )


class Generate(Strict):
    """The teacher (or the student) writes answers for rows that have none."""

    kind: Literal["generate"] = "generate"
    name: str = Field("teacher answers", max_length=80)
    rows: Literal["unlabelled", "all"] = Field(
        "unlabelled", title="Rows", description="all: gold answers are replaced by the teacher's."
    )
    max_new_tokens: int = Field(64, ge=1, le=32768, title="Longest answer (tokens)")
    temperature: float = Field(0.0, ge=0, le=5, title="Sampling temperature", description="0: greedy.")
    batch_size: int = Field(64, ge=1, le=4096, title="Batch")


class Record(Strict):
    """Record the teacher's signals once: top-k logits and the exact log-normaliser of every supervised position."""

    kind: Literal["record"] = "record"
    name: str = Field("record signals", max_length=80)
    top_k: int = Field(64, ge=1, le=4096, title="K", description="At most this many ids a position.")
    mass: float = Field(
        0.999, gt=0, le=1, title="Mass", description="Fewer than K ids where they already hold this much probability."
    )
    temperatures: list[float] = Field(
        default_factory=lambda: [1.0],
        title="Temperatures",
        description="The log-normaliser is stored exactly for each.",
    )


class Schedule(Strict):
    type: Literal["constant", "linear", "cosine"] = Field("cosine", title="Learning-rate schedule")
    warmup: int = Field(0, ge=0, le=10_000_000, title="Warm-up steps")
    final: float = Field(0.0, ge=0, le=1, title="Final share", description="Share of the peak rate left at the end.")


class Train(Strict):
    """One training stage: rows, terms, optimizer."""

    kind: Literal["train"] = "train"
    name: str = Field("train", max_length=80)
    rows: Literal["all", "labelled", "unlabelled"] = Field("all", title="Rows")
    terms: list[Term] = Field(min_length=1, max_length=20, title="Objective")
    teacher: Literal["auto", "online", "recorded"] = Field(
        "auto",
        title="Teacher signals",
        description="recorded: top-k signals, reused by later runs. online: the teacher runs beside the student. auto: what is faster within memory.",
    )
    steps: int | None = Field(None, ge=1, le=10_000_000, title="Optimizer steps")
    epochs: float | None = Field(
        None, gt=0, le=10_000, title="Epochs", description="Passes over the rows; used when steps is empty."
    )
    batch_size: int = Field(32, ge=1, le=65536, title="Rows per optimizer step")
    micro_batch: int | None = Field(
        None,
        ge=1,
        le=65536,
        title="Micro-batch",
        description="Rows per forward; chosen by memory when empty. Does not change the result.",
    )
    learning_rate: float = Field(
        2e-4, gt=0, le=1, title="Learning rate", description="LLM-Neo: about ten times the rate of full fine-tuning."
    )
    schedule: Schedule = Schedule()
    weight_decay: float = Field(0.0, ge=0, le=10, title="Weight decay")
    clip: float = Field(1.0, gt=0, le=1e6, title="Clip gradient norm at")
    reduction: Literal["token_mean", "seq_mean"] = Field(
        "token_mean", title="Average over", description="token_mean: supervised tokens of the whole optimizer step."
    )
    checkpoint_seconds: float = Field(300, gt=0, le=86400, title="Checkpoint every (seconds)")

    @model_validator(mode="after")
    def _length_is_stated(self) -> Train:
        if self.steps is None and self.epochs is None:
            raise ValueError("say how long to train: steps or epochs")
        if self.steps is not None and self.schedule.warmup > self.steps:
            raise ValueError(
                f"warm-up of {self.schedule.warmup} steps is longer than the {self.steps} steps of training"
            )
        return self


Stage = Annotated[Generate | Record | Train, Field(discriminator="kind")]


class TrainOptions(Strict):
    """The small form's training fields; each overrides the system's own default when given."""

    steps: int | None = Field(None, ge=1, le=10_000_000, title="Optimizer steps")
    epochs: float | None = Field(None, gt=0, le=10_000, title="Epochs")
    batch_size: int | None = Field(None, ge=1, le=65536, title="Rows per optimizer step")
    micro_batch: int | None = Field(None, ge=1, le=65536, title="Micro-batch")
    learning_rate: float | None = Field(None, gt=0, le=1, title="Learning rate")
    schedule: Schedule | None = None
    weight_decay: float | None = Field(None, ge=0, le=10, title="Weight decay")
    clip: float | None = Field(None, gt=0, le=1e6, title="Clip gradient norm at")
    teacher: Literal["auto", "online", "recorded"] | None = Field(None, title="Teacher signals")
    max_new_tokens: int | None = Field(None, ge=1, le=32768, title="Longest teacher answer (tokens)")
    checkpoint_seconds: float | None = Field(None, gt=0, le=86400, title="Checkpoint every (seconds)")


class Evaluation(Strict):
    """How the one honest number is made: greedy answers on the frozen held-out split."""

    metric: Literal["auto", "exact_match", "numeric_match", "rouge_l", "bits_per_byte"] = Field(
        "auto",
        title="Score",
        description="auto: exact match for short answers, numeric match for sums, ROUGE-L for long text.",
    )
    limit: int | None = Field(
        None, ge=8, title="Held-out rows", description="At most this many, a stratified sample; empty: all."
    )
    max_new_tokens: int = Field(64, ge=1, le=32768, title="Longest answer (tokens)")
    batch_size: int = Field(64, ge=1, le=4096, title="Batch")
    bootstrap: int = Field(
        2000,
        ge=100,
        le=100_000,
        title="Bootstrap samples",
        description="Resamples of the held-out rows for the 95 % interval.",
    )


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
    options: dict[str, float | int | str | bool] = Field(default_factory=dict, title="Method options")
    train: TrainOptions = Field(default_factory=TrainOptions, title="Training")
    teacher: ModelRef | None = Field(None, title="Teacher")
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


def parse(data: Any) -> Recipe:
    """Recipe from plain data; raises RecipeInvalid naming the first wrong field, its value and the allowed range."""
    if isinstance(data, dict) and isinstance(v := data.get("version", VERSION), int) and v > VERSION:
        raise RecipeInvalid(
            f"This recipe was made by a newer version ({v}); this workbench reads up to {VERSION}.",
            field="version",
            hint="Upgrade the workbench, or save the recipe again from this version.",
        )
    try:
        return Recipe.model_validate(data)
    except ValidationError as e:
        raise RecipeInvalid(**_first(e)) from None


def problems(data: Any) -> list[dict[str, Any]]:
    """Every problem of plain data as {field, message}; empty when it is a recipe. For forms and the YAML editor."""
    try:
        Recipe.model_validate(data)
    except ValidationError as e:
        return [{"field": _path(err["loc"]), "message": _sentence(err)} for err in e.errors(include_url=False)]
    return []


def from_yaml(text: str) -> Recipe:
    """Recipe from YAML or JSON text; raises RecipeInvalid with the line for syntax errors."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        where = f"Line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise RecipeInvalid(
            f"{where}{getattr(e, 'problem', None) or 'this is not YAML'}.",
            field="recipe",
            hint="Check indentation and quotes on that line.",
        ) from None
    if not isinstance(data, dict):
        raise RecipeInvalid(
            "A recipe is a mapping of fields (name, method, teacher, student, data ...).", field="recipe"
        )
    return parse(data)


def load(path: Path) -> Recipe:
    return from_yaml(Path(path).read_text(encoding="utf-8"))


def to_dict(recipe: Recipe) -> dict[str, Any]:
    """Plain data without fields that stand at their default, so that a file shows what was chosen. parse(to_dict(r)) == r."""
    out = recipe.model_dump(mode="json", exclude_defaults=True)
    for stage, full in zip(out.get("stages", []), recipe.stages, strict=False):
        stage["kind"] = full.kind
    return {"version": recipe.version, **out}


def to_yaml(recipe: Recipe) -> str:
    return yaml.safe_dump(to_dict(recipe), sort_keys=False, allow_unicode=True, width=110)


def sha256(recipe: Recipe) -> str:
    """Hash of the complete recipe (defaults included), independent of field order."""
    text = json.dumps(recipe.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _path(loc: tuple[Any, ...]) -> str:
    return ".".join(str(p) for p in loc if p not in ("generate", "record", "train") or loc.index(p) == 0)


def _sentence(err: Any) -> str:
    message = str(err["msg"]).removeprefix("Value error, ")
    if err["type"] == "extra_forbidden":
        return "unknown field"
    if err["type"] == "missing":
        return "is missing"
    shown = repr(err.get("input"))
    return message if len(shown) > 60 or err["type"] == "value_error" else f"{message} (got {shown})"


def _first(e: ValidationError) -> dict[str, Any]:
    err = e.errors(include_url=False)[0]
    field, more = _path(err["loc"]), e.error_count() - 1
    tail = f" And {more} more problem{'s' if more > 1 else ''}." if more else ""
    return {
        "message": f"{field or 'recipe'}: {_sentence(err)}.{tail}",
        "field": field or None,
        "limit": (err.get("ctx") or {}).get("le") or (err.get("ctx") or {}).get("ge"),
    }
