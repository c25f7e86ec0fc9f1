"""Fields of a draft -> recipe -> facts -> plan. The page, the API and the command line ask here; nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import F, Q, QuerySet

from jobs.distill import recipe as recipes
from jobs.distill.catalog import SYSTEMS, System
from jobs.distill.plan.compiler import compile as compile_plan
from jobs.distill.plan.endpoints import verdict as behind_address
from jobs.distill.plan.facts import DataFacts, DeviceFacts, EndpointFacts, Facts, ModelFacts
from jobs.distill.plan.pairing import pairing
from jobs.distill.plan.result import Fix, Plan, Problem, Verdict
from jobs.distill.recipe import Recipe
from jobs.distill.recipe.endpoint import LIBRARY
from workbench.datasets.models import Dataset, DatasetVersion
from workbench.endpoints import queries as endpoints
from workbench.endpoints.models import Endpoint
from workbench.library.models import Model
from workbench.runs.models import Queue, Slot
from workbench.team.models import Team, User

from . import paths
from .models import Draft

DEFAULT_METHOD = "llm-neo"


@dataclass
class Found:
    """Rows of the library that a recipe names, and what is known about them."""

    teacher: Model | None = None
    student: Model | None = None
    teachers: dict[str, Model] = field(default_factory=dict)  # further ones by name
    endpoints: dict[str, Endpoint] = field(default_factory=dict)  # teachers behind an address, by what stages call them
    version: DatasetVersion | None = None
    device: DeviceFacts = field(default_factory=DeviceFacts)
    has_worker: bool = False
    problems: list[Problem] = field(default_factory=list)

    @cached_property
    def teacher_facts(self) -> ModelFacts | None:
        return _model_facts(self.teacher)

    @cached_property
    def student_facts(self) -> ModelFacts | None:
        return _model_facts(self.student)

    @cached_property
    def endpoint_facts(self) -> dict[str, EndpointFacts]:
        return {who: endpoints.facts(row) for who, row in self.endpoints.items()}

    @property
    def teacher_title(self) -> str:
        chosen = self.teacher.title if self.teacher else ""
        return chosen or (self.endpoints["teacher"].name if "teacher" in self.endpoints else "")

    @cached_property
    def data_facts(self) -> DataFacts | None:
        return DataFacts.model_validate(self.version.facts) if self.version and self.version.facts else None

    def facts(self) -> Facts | None:
        """None until student and data are known."""
        student, data = self.student_facts, self.data_facts
        if student is None or data is None:
            return None
        more = {name: facts for name, model in self.teachers.items() if (facts := _model_facts(model))}
        return Facts(
            student=student,
            teacher=self.teacher_facts,
            teachers=more,
            endpoints=self.endpoint_facts,
            data=data,
            device=self.device,
        )


@dataclass
class Check:
    """Everything the summary shows: what is missing, what is wrong, and the plan once there can be one."""

    found: Found
    missing: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    recipe: Recipe | None = None
    plan: Plan | None = None
    verdict: Verdict | None = None

    @property
    def refusals(self) -> list[Problem]:
        return [*self.problems, *self.found.problems, *(self.plan.refusals if self.plan else [])]

    @property
    def warnings(self) -> list[Problem]:
        return self.plan.warnings if self.plan else []

    @property
    def ok(self) -> bool:
        return bool(self.recipe and self.plan and not self.missing and not self.refusals)

    @property
    def waiting(self) -> bool:
        """Nothing is wrong: something chosen is still being measured, and the page asks again by itself."""
        return bool(self.refusals) and all(p.code.endswith("_NOT_READY") for p in self.refusals)

    @property
    def label(self) -> str:
        """The words on the button: they are the state."""
        if self.missing:
            return f"Choose a {self.missing[0]}"
        if self.waiting:
            return "Measuring ..."
        if n := len(self.refusals):
            return "Fix 1 problem" if n == 1 else f"Fix {n} problems"
        return "Start run"


def drafts(team: Team) -> QuerySet[Draft]:
    return Draft.objects.filter(team=team)


def recent_drafts(team: Team, user: User, but: Draft, at_most: int = 8) -> list[Draft]:
    """The person's own unfinished drafts, newest first."""
    return list(drafts(team).filter(created_by=user, run=None).exclude(pk=but.pk).exclude(fields={})[:at_most])


def models(team: Team) -> list[Model]:
    """Models one may pick: the team's own first, then the shared samples."""
    return list(Model.objects.filter(Q(team=team) | Q(team=None)).order_by(F("team").asc(nulls_last=True), "title"))


def datasets(team: Team) -> list[Dataset]:
    """Datasets with at least one version, the team's own first."""
    mine = Dataset.objects.filter(Q(team=team) | Q(team=None), versions__isnull=False).distinct()
    return list(mine.order_by(F("team").asc(nulls_last=True), "title"))


def versions(team: Team, key: str | None) -> list[DatasetVersion]:
    """Versions of one dataset, newest first, without their heavy columns."""
    if not key:
        return []
    return list(_versions(team, key).defer("facts", "profile"))


def best_device() -> tuple[DeviceFacts, bool]:
    """The device a training run would get: a live GPU slot before a CPU slot. The flag says whether a worker answers."""
    live = Slot.objects.taking().filter(queue=Queue.GPU)
    known = [DeviceFacts.model_validate(s.device) for s in live if s.device]
    best = max(known, key=lambda d: (d.kind == "cuda", d.memory_bytes), default=None)
    return (best, True) if best else (DeviceFacts(), live.exists())


def find(team: Team, fields: Mapping[str, Any]) -> Found:
    """Looks up what the draft names. What does not exist, or is not measured yet, becomes a problem with its field."""
    device, has_worker = best_device()
    found = Found(device=device, has_worker=has_worker)
    for role in ("teacher", "student"):
        key, revision = paths.get(fields, f"{role}.model"), paths.get(fields, f"{role}.revision")
        if isinstance(key, str) and key.startswith(LIBRARY):
            _find_endpoint(team, key, role, role, found)
        elif key and isinstance(key, str):
            setattr(found, role, _find_model(team, key, revision, role, found.problems))
        if paths.get(fields, f"{role}.endpoint") is not None:
            found.problems.append(_address_typed(f"{role}.endpoint"))
    for i, ref in enumerate(_further(fields)):
        if ref.get("endpoint") is not None:
            found.problems.append(_address_typed(f"teachers.{i}.endpoint"))
        if str(ref["model"]).startswith(LIBRARY):
            _find_endpoint(team, str(ref["model"]), str(ref["id"]), f"teachers.{i}", found)
        elif model := _find_model(team, str(ref["model"]), ref.get("revision"), f"teachers.{i}", found.problems):
            found.teachers[str(ref["id"])] = model
    if key := paths.get(fields, "data.dataset"):
        found.version = _find_version(team, str(key), paths.get(fields, "data.version"), found.problems)
    elif paths.get(fields, "data.file"):
        text = "This recipe names its rows by a file, which is for runs on the command line. Upload the file under Datasets and choose it here."
        found.problems.append(Problem(code="DATASET_UNKNOWN", field="data.dataset", message=text))
    return found


def _find_endpoint(team: Team, key: str, who: str, place: str, found: Found) -> None:
    """The team's endpoint of this name, for a teacher; a problem for a student, which must have files here."""
    row, where = endpoints.by_key(team, key), f"{place}.model"
    if who == "student":
        text = "A student is trained, so its files must be here; an endpoint can only teach. Choose another student."
        found.problems.append(Problem(code="STUDENT_IS_ENDPOINT", field=where, message=text))
    elif row is None:
        text = f"Your team has no endpoint called {key}. Add it under Models, Teacher endpoints, or choose another teacher."
        found.problems.append(Problem(code="MODEL_UNKNOWN", field=where, message=text))
    else:
        found.endpoints[who] = row


def _address_typed(where: str) -> Problem:
    """An address in a recipe would be asked with nobody having checked it, and could be sent another endpoint's key."""
    text = "Recipes of the workbench name an endpoint of the library. Add it under Models, Teacher endpoints, and write endpoint/NAME as the model."
    return Problem(
        code="ENDPOINT_IN_RECIPE", field=where, message=text, fix=Fix(label="Drop the address", field=where, value=None)
    )


def _further(fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Further teachers as far as they are written; what is wrong with the others the schema says."""
    listed = fields.get("teachers")
    whole = [t for t in listed if isinstance(t, Mapping)] if isinstance(listed, list) else []
    return [t for t in whole if isinstance(t.get("id"), str) and isinstance(t.get("model"), str)]


def check(team: Team, fields: Mapping[str, Any]) -> Check:
    """The whole way: missing choices, range errors, pairing verdict, plan. Never raises for anything a person typed."""
    data = complete(fields)
    try:
        storable(data)
    except (ValueError, TypeError) as e:
        return Check(
            Found(),
            problems=[
                Problem(
                    code="SPEC_INVALID",
                    field=None,
                    message=f"The recipe holds text that cannot be stored: {e}. Remove it.",
                )
            ],
        )
    out = Check(find(team, data), missing=_missing(data))
    teacher, student = out.found.teacher_facts, out.found.student_facts
    if student and "teacher" in out.found.endpoints:
        out.verdict = behind_address(student, out.found.endpoint_facts["teacher"])
    elif teacher and student:
        out.verdict = pairing(student, teacher)
    wrong = [p for p in recipes.problems(data) if not _is_missing(p["field"], out.missing)]
    out.problems = [Problem(code="SPEC_INVALID", field=p["field"], message=_sentence(p)) for p in wrong]
    if wrong or out.missing:
        return out
    out.recipe = recipes.parse(data)
    facts = out.found.facts()
    if facts is not None:
        out.plan = compile_plan(out.recipe, facts)
        out.verdict = out.plan.verdict or out.verdict
    return out


def storable(data: Any) -> None:
    """ValueError or TypeError for what PostgreSQL's JSON cannot hold: NUL, half characters, NaN, dates."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    text.encode("utf-8")
    if "\\u0000" in text:
        raise ValueError("the text holds a NUL character")


def complete(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The draft with the default method where nothing says how to train, and without an empty teacher."""
    data = {k: v for k, v in fields.items() if v not in (None, {}, "")}
    if not data.get("method") and not data.get("stages"):
        data["method"] = DEFAULT_METHOD
    return data


def system_of(fields: Mapping[str, Any]) -> System | None:
    """The published system a draft uses; None where it spells its stages out or names an unknown one."""
    return SYSTEMS.get(str(complete(fields).get("method") or ""))


def _missing(data: Mapping[str, Any]) -> list[str]:
    system = SYSTEMS.get(str(data.get("method") or ""))
    needs_teacher = system is not None and system.needs.teacher != "none"
    out = ["teacher"] if needs_teacher and not paths.get(data, "teacher.model") else []
    out += ["student"] if not paths.get(data, "student.model") else []
    return out + (["dataset"] if not (paths.get(data, "data.dataset") or paths.get(data, "data.file")) else [])


def _is_missing(path: str, missing: Iterable[str]) -> bool:
    """Problems of the schema that only say what `missing` says already."""
    places = {
        "teacher": ("teacher", "teacher.model"),
        "student": ("student", "student.model"),
        "dataset": ("data", "data.dataset"),
    }
    return any(path in places[m] for m in missing)


def _sentence(problem: Mapping[str, str]) -> str:
    from . import forms

    path = problem["field"]
    known = {i.path: i for i in forms.all_inputs()}.get(path)
    title = known.title if known else path
    limits = f" Allowed: {known.range}." if known and known.range else ""
    return f"{title or 'Recipe'}: {problem['message'].rstrip('.')}.{limits}"


def _find_model(team: Team, key: str, revision: Any, role: str, problems: list[Problem]) -> Model | None:
    rows = Model.objects.filter(Q(team=team) | Q(team=None), key=key)
    if revision:
        rows = rows.filter(revision=str(revision))
    model = rows.order_by(F("team").asc(nulls_last=True), "-created_at").first()
    if model is None:
        at = f" at revision {revision}" if revision else ""
        problems.append(
            Problem(
                code="MODEL_UNKNOWN",
                field=f"{role}.model",
                message=f"There is no model {key!r}{at} in the library. Add it under Models, or choose another.",
            )
        )
    elif not model.facts:
        problems.append(
            Problem(
                code="MODEL_NOT_READY",
                field=f"{role}.model",
                message=f"{model.title} is still being fetched and inspected. The check goes on when that is done.",
            )
        )
    return model


def _versions(team: Team, key: str) -> QuerySet[DatasetVersion]:
    mine = Dataset.objects.filter(Q(team=team) | Q(team=None), key=key).order_by(F("team").asc(nulls_last=True)).first()
    return (
        DatasetVersion.objects.filter(dataset=mine).select_related("dataset").order_by("-number")
        if mine
        else DatasetVersion.objects.none()
    )


def _find_version(team: Team, key: str, number: Any, problems: list[Problem]) -> DatasetVersion | None:
    rows = _versions(team, key)
    if isinstance(number, int):
        rows = rows.filter(number=number)
    version = rows.first()
    if version is None:
        at = f" version {number}" if number else ""
        problems.append(
            Problem(
                code="DATASET_UNKNOWN",
                field="data.dataset",
                message=f"There is no dataset {key!r}{at}. Upload one under Datasets, or choose another.",
            )
        )
    elif not version.facts:
        problems.append(
            Problem(
                code="DATASET_NOT_READY",
                field="data.dataset",
                message=f"{version.dataset.title} is still being measured. The check goes on when that is done.",
            )
        )
    return version


def _model_facts(model: Model | None) -> ModelFacts | None:
    """Facts with the licence the library knows, where the model's own files state none."""
    if not model or not model.facts:
        return None
    return ModelFacts.model_validate({**model.facts, "licence": model.facts.get("licence") or model.licence or None})
