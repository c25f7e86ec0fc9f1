"""Everything people do to datasets: upload, check, import, describe, discard, delete."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError

from jobs.distill.errors import DataRefused, DistillError
from workbench.runs import actions as runs
from workbench.runs import blobs
from workbench.runs.models import Kind, Run
from workbench.team.models import Team, User

from . import children
from .models import Dataset, Upload

# What another mapping may still mend; every other refusal is about the file itself.
MENDABLE = {"roles", "no_usable_rows", "instruction"}
TOO_LARGE = {"too_big", "line_too_long"}  # answered with 413
SUGGESTED: dict[str, Any] = {"labels": "words"}
HIDDEN = re.compile(r"[\x00-\x1f\x7f]")


class FileNotUsable(DataRefused):
    """A file that no choice of columns can mend; `problem` is the sentence with place and remedy."""

    def __init__(self, problem: dict[str, Any]) -> None:
        line, column = problem.get("line"), problem.get("column")
        place = ".".join(str(p) for p in (f"lines[{line}]" if line else "", column or "") if p)
        code = "TOO_LARGE" if problem["code"] in TOO_LARGE else None
        limit = problem.get("limit")
        super().__init__(problem["message"], field=place or "file", hint=problem.get("remedy"), limit=limit, code=code)
        self.problem = problem

    def as_dict(self) -> dict[str, Any]:
        """With the problem's own code beside the family's: `code` says what to do with the answer, `problem` what it is."""
        return super().as_dict() | {"problem": self.problem["code"]}


class InUse(DistillError):
    code = "DATASET_IN_USE"


def shown_name(name: str) -> str:
    """The file's own name without folders of any system and without control characters, at most 300 characters."""
    name = PurePosixPath(PureWindowsPath(name.replace("%2f", "/").replace("%2F", "/")).as_posix()).name
    return HIDDEN.sub("", name).strip()[:300] or "upload"


def take_upload(
    team: Team,
    user: User,
    path: Path,
    filename: str,
    dataset: Dataset | None = None,
    *,
    origin: dict[str, Any] | None = None,
    idem_key: uuid.UUID | None = None,
) -> Upload:
    """Looks at a file in a limited child and keeps it. Raises FileNotUsable, and then nothing is left behind.

    The same `idem_key` and bytes give the same upload: a form sent twice is taken once.
    """
    idem_key = uuid.uuid5(team.pk, f"{idem_key}{_sha256(path)}") if idem_key else None
    if idem_key and (found := Upload.objects.filter(idem_key=idem_key, team=team).first()):
        return found
    name = shown_name(filename)
    findings = look(path, name)
    with transaction.atomic():
        blob = blobs.put(path)
        values: dict[str, Any] = {"team": team, "created_by": user, "dataset": dataset, "filename": name}
        values |= {"blob": blob, "findings": findings, "origin": storable(origin or {"kind": "file"})}
        if idem_key:
            return Upload.objects.get_or_create(idem_key=idem_key, defaults=values)[0]
        return Upload.objects.create(**values)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def look(path: Path, name: str) -> dict[str, Any]:
    """What a limited child finds in a file. Raises FileNotUsable for what no choice of columns can mend."""
    findings = storable(children.peek(path, name))
    if findings["offers"].get(
        "labels"
    ):  # names like card_arrival: words are suggested, shown, and one click away from as written
        findings = storable(children.peek(path, name, None, SUGGESTED)) | {"options": SUGGESTED}
    if problem := unusable(findings):
        raise FileNotUsable(problem)
    return findings


def unusable(findings: dict[str, Any]) -> dict[str, Any] | None:
    """The refusal that no choice on the page can lift."""
    for problem in findings["problems"]:
        if problem["severity"] == "refuse" and (problem["code"] not in MENDABLE or not findings["columns"]):
            return dict(problem)
    return None


def look_again(upload: Upload, roles: dict[str, str], options: dict[str, Any]) -> dict[str, Any]:
    """Findings under these roles and options, kept with the upload. Raises DataRefused."""
    path = children.local_copy(upload.blob_id)
    findings = storable(children.peek(path, upload.filename, roles or None, options))
    before, now = ([c["name"] for c in found["columns"]] for found in (upload.findings, findings))
    if before != now and any(p["code"] == "roles" for p in findings["problems"]):  # another sheet has other columns
        findings = storable(children.peek(path, upload.filename, None, options))
    findings["options"] = options
    Upload.objects.filter(pk=upload.pk).update(findings=findings)
    upload.findings = findings
    return findings


def start_import(
    upload: Upload, user: User, about: dict[str, str], roles: dict[str, str], options: dict[str, Any]
) -> Run:
    """Queues the import. Looks once more, so that what is imported is what was accepted; raises DataRefused when it is not.

    The same choices give the same run: a double click imports once.
    """
    findings = look_again(upload, roles, options)
    if findings["outcome"] != "accept":
        open_ones = [
            p
            for p in findings["problems"]
            if p["severity"] == "refuse" or (p["severity"] != "note" and p["code"] not in options.get("accepted", []))
        ]
        raise DataRefused(open_ones[0]["message"], hint=open_ones[0].get("remedy"))
    spec = {
        "upload": str(upload.pk),
        "title": about["title"],
        "licence": about["licence"],
        "attribution": about["attribution"],
        "roles": findings["roles"],
        "options": options,
    }
    key = uuid.uuid5(upload.pk, json.dumps(spec, sort_keys=True))
    if (run := Run.objects.filter(idem_key=key, team=upload.team).first()) and run.state in (
        "failed",
        "cancelled",
        "quarantined",
    ):
        key = uuid.uuid4()
    return runs.start_run(
        Kind.IMPORT_DATASET, upload.team, user, f"Import of {about['title']}"[:200], spec, idem_key=key
    )


def discard(upload: Upload) -> None:
    """Forgets an upload that nobody imports."""
    upload.delete()


def describe(dataset: Dataset, title: str, licence: str, attribution: str) -> None:
    Dataset.objects.filter(pk=dataset.pk).update(title=title, licence=licence, attribution=attribution)


def delete(dataset: Dataset) -> None:
    """Deletes a dataset that no run used; raises InUse naming how many did."""
    used = Run.objects.filter(dataset_version__dataset=dataset, kind=Kind.DISTILL).count()
    if used:
        raise InUse(
            f"{used} run{'s' if used > 1 else ''} used this dataset; its results would lose their ground.",
            hint="Keep it, or delete those runs first.",
        )
    Run.objects.filter(dataset_version__dataset=dataset).update(dataset_version=None)
    try:
        dataset.delete()
    except ProtectedError:
        raise InUse("Something still refers to this dataset.", hint="Try again in a moment.") from None


def storable(value: Any) -> Any:
    """Plain data that jsonb takes: no NUL, no half characters."""
    if isinstance(value, str):
        return (
            value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
            if not value.isascii() or "\0" in value
            else value
        )
    if isinstance(value, dict):
        return {storable(k): storable(v) for k, v in value.items()}
    return [storable(v) for v in value] if isinstance(value, list) else value
