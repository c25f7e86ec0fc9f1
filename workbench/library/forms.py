"""Forms of the model library; what comes out are domain values."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
TOKEN = re.compile(r"[\x21-\x7e]{8,200}")


class HubForm(forms.Form):
    """A model of the Hugging Face hub by its id and revision."""

    model = forms.CharField(
        label="Model id",
        max_length=200,
        help_text="As on the hub: organisation/name, for example HuggingFaceTB/SmolLM2-135M-Instruct.",
    )
    revision = forms.CharField(
        label="Revision",
        max_length=200,
        required=False,
        help_text="Branch, tag or commit. It is pinned to a commit when the model is added. Empty: main.",
    )
    token = forms.CharField(
        label="Access token",
        max_length=200,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Only for gated models. Stored encrypted for your team, never shown again.",
    )
    idem_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["idem_key"].initial = uuid.uuid4
        for name in ("model", "revision", "token"):
            self.fields[name].widget.attrs["class"] = "form-control"

    def clean_model(self) -> str:
        name = self.cleaned_data["model"].strip()
        if not HUB_ID.fullmatch(name) or ".." in name:
            raise ValidationError(
                "A hub id has the form organisation/name: letters, digits, dot, dash and underscore, one slash."
            )
        return name

    def clean_revision(self) -> str:
        revision = self.cleaned_data["revision"].strip() or "main"
        if not REVISION.fullmatch(revision) or ".." in revision:
            raise ValidationError("A revision is a branch, a tag or a commit hash, without spaces.")
        return revision

    def clean_token(self) -> str:
        token = self.cleaned_data["token"]
        if token and not TOKEN.fullmatch(token):
            raise ValidationError("A token is 8 to 200 characters without spaces or line breaks.")
        return token


class FolderForm(forms.Form):
    """A model folder on the server, under one of the roots the operator allowed."""

    folder = forms.CharField(
        label="Folder",
        max_length=1000,
        help_text="Relative to one of the model folders that the operator allowed, with config.json, tokenizer and safetensors inside.",
    )
    idem_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["idem_key"].initial = uuid.uuid4
        self.fields["folder"].widget.attrs["class"] = "form-control"

    def clean_folder(self) -> Path:
        return allowed_folder(self.cleaned_data["folder"])


def allowed_folder(text: str) -> Path:
    """The real folder behind what was typed; raises ValidationError outside the allowed roots. Links are resolved first."""
    if "\x00" in text:
        raise ValidationError("A folder name cannot hold a NUL character.")
    for root in settings.MODEL_ROOTS:
        folder = (root / text).resolve()
        if folder.is_relative_to(root) and folder != root and folder.is_dir():
            if not (folder / "config.json").is_file():
                raise ValidationError("This folder holds no config.json, so it is not a model folder.")
            return folder
    raise ValidationError(
        "There is no such folder under the model folders that the operator allowed (setting MODEL_ROOTS)."
    )
