"""A list of transforms from plain data, and back: what is recorded with a version and replayed on another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from ...errors import DataRefused
from ...recipe import yaml_text
from .balance import Balance
from .base import Step
from .clean import Clean
from .deduplicate import Deduplicate
from .drop import Drop
from .edit import Edit
from .filter import Filter
from .join import Join
from .labels import Labels
from .map_roles import MapRoles
from .redact import Redact
from .replace import Replace
from .review import Review
from .sample import Sample
from .split import Split
from .truncate import Truncate

ALL: tuple[type[Step], ...] = (
    Filter, Drop, Deduplicate, Sample, Edit, Replace, Clean, Truncate, Redact, Labels, MapRoles, Split, Balance, Join
)  # fmt: skip
BY_HAND: tuple[type[Step], ...] = (Review,)  # made elsewhere, replayed here
KINDS: dict[str, type[Step]] = {str(t.model_fields["kind"].default): t for t in (*ALL, *BY_HAND)}
MOST = 100

AnyStep = Annotated[
    Filter
    | Drop
    | Deduplicate
    | Sample
    | Edit
    | Replace
    | Clean
    | Truncate
    | Redact
    | Labels
    | MapRoles
    | Split
    | Balance
    | Join
    | Review,
    Field(discriminator="kind"),
]
_adapter: TypeAdapter[Any] = TypeAdapter(AnyStep)


def parse_steps(data: Any) -> list[Step]:
    """Steps of plain data: a list, or an object with `steps`. Raises DataRefused naming step (from 1) and field."""
    if isinstance(data, dict) and set(data) == {"steps"}:
        data = data["steps"]
    if not isinstance(data, list) or not data:
        raise DataRefused("There is no step.", field="steps", hint="Write a list of steps, each with its kind.")
    if len(data) > MOST:
        raise DataRefused(f"{len(data)} steps; the limit is {MOST}.", field="steps", hint="Make a version in between.")
    steps = [parse_step(one, n) for n, one in enumerate(data, 1)]
    for n, step in enumerate(steps, 1):
        if "source" in step.needs() and n > 1:
            raise refused(n, step.name, "roles", "it reads the file anew and has to be the first step")
    return steps


def parse_step(data: Any, n: int = 1) -> Step:
    """Raises DataRefused naming the step and the first wrong field."""
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind not in KINDS:
        said = f"“{kind}” is no transform" if kind else "it has no kind"
        raise DataRefused(f"Step {n}: {said}.", field=f"steps.{n}.kind", hint=f"These are known: {', '.join(KINDS)}.")
    try:
        return _adapter.validate_python(data)  # type: ignore[no-any-return]
    except ValidationError as e:
        raise refused(n, kind, *_first(e)) from None


def problems_of(data: dict[str, Any]) -> list[tuple[str, str]]:
    """(field, what is wrong) of one step, for a form; field '' for the step as a whole."""
    try:
        _adapter.validate_python(data)
    except ValidationError as e:
        return [_told(err) for err in e.errors(include_url=False)]
    return []


def _first(e: ValidationError) -> tuple[str, str]:
    return _told(e.errors(include_url=False)[0])


def _told(err: Any) -> tuple[str, str]:
    """(field, sentence part) of pydantic's error; our own are words already."""
    where = [str(p) for p in err["loc"][1:]]
    said = str(err["msg"]).removeprefix("Value error, ")
    if err["type"] == "extra_forbidden":
        return where[0], "there is no such field"
    if err["type"] == "missing":
        return where[0], "it is missing"
    if err["type"] == "value_error" and not where:
        name, _, rest = said.partition(": ")
        return (name, rest) if rest and name.isidentifier() else ("", said)
    shown = err.get("input")
    given = (
        f"; it is “{str(shown)[:60]}”" if err["type"] != "value_error" and isinstance(shown, (str, int, float)) else ""
    )
    return (where[0] if where else ""), said[0].lower() + said[1:] + given


def refused(n: int, kind: str, field: str, said: str, hint: str | None = None) -> DataRefused:
    """The refusal of step n, in words with its title and field."""
    step = KINDS[kind]
    title = (
        f", {step.model_fields[field].title or field}" if field in step.model_fields else f", {field}" if field else ""
    )
    end = "" if said.endswith((".", "!", "?")) else "."
    return DataRefused(
        f"Step {n} ({step.title}){title}: {said}{end}", field=f"steps.{n}.{field}" if field else f"steps.{n}", hint=hint
    )


def recorded(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Plain data of the steps, only what differs from the defaults: the same choices are the same record."""
    out = []
    for step in steps:
        given = json.loads(step.model_dump_json(exclude_defaults=True))
        out.append({"kind": step.name, **given})
    return out


MOST = 1_000_000  # values of all steps: edits by hand name their rows one by one


def load_steps(text: str) -> list[Step]:
    """Steps of a YAML or JSON text. Raises DataRefused with the line where it is neither."""
    try:
        data, _ = yaml_text.read(text, MOST)
    except yaml_text.WrongYaml as e:
        raise DataRefused(f"The steps are not YAML ({e.where}{e.what}).") from None
    return parse_steps(data)


def schema() -> list[dict[str, Any]]:
    """Every transform with its options as JSON schema: for forms, the API and the manual."""
    return [
        {"kind": kind, "title": t.title, "summary": t.summary, "group": t.group, "options": t.model_json_schema()}
        for kind, t in KINDS.items()
        if t not in BY_HAND
    ]
