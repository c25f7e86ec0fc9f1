"""Forms of the dataset pages; their output is domain values."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from workbench.home.forms import Styled

LICENCES = (
    "",
    "CC0-1.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC-BY-NC-4.0",
    "MIT",
    "Apache-2.0",
    "ODC-BY-1.0",
    "Own data, not for others",
)


class AboutForm(Styled, forms.Form):
    title = forms.CharField(max_length=200, label="Name")
    licence = forms.CharField(
        max_length=200, required=False, label="Licence", help_text="Travels with every adapter made from these rows."
    )
    attribution = forms.CharField(
        max_length=4000,
        required=False,
        label="Attribution",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Whom to name, and where it comes from.",
    )


FIELD = "field:"  # role of a column that is one value of the answer's JSON object
LABELS = {"assistant": "Answer", "messages": "Conversation", "chosen": "Chosen answer", "rejected": "Rejected answer", "ranked": "Ranked answers", "privileged": "Privileged context", "paint": "Painted spans", "soft": "Soft labels"}  # fmt: skip


def role_choices(known: dict[str, str]) -> list[dict[str, str]]:
    """What a column may be: {value, label, words}, in the engine's order, with the fields of a JSON answer after the label."""
    out = [
        {"value": role, "label": LABELS.get(role, role.capitalize()), "words": words} for role, words in known.items()
    ]
    field = {
        "value": "field",
        "label": "Field of the answer",
        "words": "Field: one value of an answer that is a JSON object",
    }
    at = next((i for i, r in enumerate(out) if r["value"] == "label"), len(out) - 1)
    return [*out[: at + 1], field, *out[at + 1 :]]


def columns(findings: dict[str, Any]) -> list[dict[str, Any]]:
    """The columns with what the header says under each: where the role comes from, in words."""
    labels = (findings.get("task") or {}).get("kind") == "classification"
    return [c | _said(c, labels) for c in findings["columns"]]


def _said(column: dict[str, Any], labels: bool) -> dict[str, Any]:
    role = column["role"]
    field = role.startswith(FIELD)
    tone = "assistant" if field or role == "label" else role
    found = column["why"] and column.get("found", role) == role
    if not role:
        reason = f"Not used by your choice; it was found: {column['why']}" if column["why"] else "Not used"
    elif found:
        reason = f"Found: {column['why']}" + (", and its values are labels" if labels and role == "assistant" else "")
    else:
        reason = "Chosen by you"
    return {"is_field": field, "tone": tone, "reason": reason}


def about(data: QueryDict, fallback: str) -> tuple[AboutForm, dict[str, str]]:
    """The form, and its values with a name in any case."""
    filled = data.copy()
    filled.setdefault("title", fallback)
    form = AboutForm(filled)
    form.is_valid()
    values = {k: str(form.cleaned_data.get(k, "") or "") for k in ("title", "licence", "attribution")}
    return form, values | {"title": values["title"] or fallback}


def mapping(data: QueryDict, columns: list[dict[str, Any]]) -> dict[str, str]:
    """role -> column from the selects in the column headers; a role given twice stays twice, so that the check can say so."""
    roles: dict[str, str] = {}
    for i, column in enumerate(columns):
        role = data.get(f"role-{i}", column["role"])[:200]
        if role == "field" or (role.startswith(FIELD) and role != column["role"]):
            role = FIELD + column["name"]
        if role and role in roles:
            raise forms.ValidationError(
                f"Two columns are “{role}”: {roles[role]} and {column['name']}. Choose one of them."
            )
        if role:
            roles[role] = column["name"]
    return roles


def options(data: QueryDict) -> dict[str, Any]:
    """Options and accepted codes: warnings the page showed, and boxes the person ticked."""
    out: dict[str, Any] = {"accepted": sorted({c[:60] for c in (*data.getlist("seen"), *data.getlist("accept"))})}
    if data.get("header") in ("yes", "no"):
        out["header"] = data["header"]
    if data.get("labels") == "words":
        out["labels"] = "words"
    for name in ("part", "text", "tools"):
        if chosen := data.get(name, ""):
            out[name] = chosen[:1000]
    for name in ("task", "place", "answer"):
        if (chosen := data.get(name, "")) and chosen not in ("system", "as_is"):
            out[name] = chosen[:40]
    if data.get("instruct") and data.get("instruction", "").strip():
        out["instruction"] = data.get("instruction", "").replace("\r\n", "\n")[:20_000]
    for name in ("merge_labels", "remove_nul"):
        if data.get(name):
            out[name] = True
    return out
