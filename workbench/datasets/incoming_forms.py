"""Forms of the ways data come in; what comes out are domain values."""

from __future__ import annotations

import re
import uuid
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from jobs.distill.errors import DistillError
from jobs.distill.net import addresses
from workbench.home.forms import Styled
from workbench.library.forms import REVISION, TOKEN

HUB_DATASET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")
PASTED = 2_000_000  # characters
NAME = re.compile(r"[^\x00-\x1f\x7f]{0,200}")


class Once(Styled, forms.Form):
    """A form that is taken once, however often its button is pressed."""

    idem_key = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["idem_key"].initial = uuid.uuid4


class PasteForm(Once):
    text = forms.CharField(
        label="Rows",
        strip=False,
        max_length=PASTED,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "autocomplete": "off"}),
        help_text="CSV or TSV with a header, one JSON object a line, or plain text. Copied cells of a spreadsheet work too.",
    )

    def clean_text(self) -> str:
        text = str(self.cleaned_data["text"]).replace("\r\n", "\n")
        if not text.strip():
            raise ValidationError("Paste some rows.")
        return text


class AddressForm(Once):
    url = forms.CharField(
        label="Address",
        max_length=addresses.LONGEST,
        strip=True,
        widget=forms.TextInput(attrs={"inputmode": "url", "placeholder": "https://example.org/rows.csv"}),
        help_text="Of the file itself, http or https. Redirects are shown, not followed.",
    )


class HubDatasetForm(Once):
    dataset = forms.CharField(
        label="Dataset id", max_length=200, help_text="As on the hub: organisation/name, for example PolyAI/banking77."
    )
    config = forms.CharField(
        label="Configuration",
        max_length=100,
        required=False,
        help_text="Where a dataset has several. Empty: its default; if there is none, you are told which there are.",
    )
    split = forms.CharField(
        label="Split",
        max_length=200,
        required=False,
        help_text="For example train, or train, test. Empty: all of them, with a column that says which.",
    )
    revision = forms.CharField(
        label="Revision",
        max_length=200,
        required=False,
        help_text="Branch, tag or commit. It is pinned to a commit. Empty: main.",
    )
    token = forms.CharField(
        label="Access token",
        max_length=200,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Only for private or gated datasets. Stored encrypted for your team, never shown again.",
    )

    def clean_dataset(self) -> str:
        name = str(self.cleaned_data["dataset"]).strip()
        if not HUB_DATASET.fullmatch(name) or ".." in name:
            raise ValidationError(
                "A dataset id has the form organisation/name: letters, digits, dot, dash and underscore, one slash."
            )
        return name

    def clean_config(self) -> str:
        return _plain(self.cleaned_data["config"], "configuration")

    def clean_split(self) -> str:
        return _plain(self.cleaned_data["split"], "split")

    def clean_revision(self) -> str:
        revision = str(self.cleaned_data["revision"]).strip()
        if revision and (not REVISION.fullmatch(revision) or ".." in revision):
            raise ValidationError("A revision is a branch, a tag or a commit hash, without spaces.")
        return revision

    def clean_token(self) -> str:
        token = str(self.cleaned_data["token"])
        if token and not TOKEN.fullmatch(token):
            raise ValidationError("A token is 8 to 200 characters without spaces or line breaks.")
        return token


class HereForm(Once):
    """Rows of a version, or the file it was made from."""

    version = forms.UUIDField()
    what = forms.ChoiceField(choices=[("rows", "rows"), ("file", "file")], required=False)
    title = forms.CharField(max_length=200, required=False)

    def clean_title(self) -> str:
        return _plain(self.cleaned_data["title"], "name")


class OutputsForm(Once):
    run = forms.UUIDField()
    who = forms.RegexField(r"^[a-z0-9-]{1,80}$")


def _plain(text: str, what: str) -> str:
    text = text.strip()
    if not NAME.fullmatch(text):
        raise ValidationError(f"A {what} holds no control characters.")
    return text


def pasted_name(text: str) -> str:
    """A file name whose ending says what the text looks like: rows of JSON, cells with tabs or commas, else plain text."""
    start = text.lstrip("\ufeff \n\t")[:1]
    first, _, rest = text.lstrip("\ufeff\n").partition("\n")
    if start in ("{", "["):
        return "pasted.jsonl"
    if "\t" in first:
        return "pasted.tsv"
    return "pasted.csv" if rest.strip() and ("," in first or ";" in first) else "pasted.txt"


def refuse(form: forms.Form, error: DistillError) -> None:
    """An error of the domain at the field it belongs to."""
    message = f"{error.message} {error.hint or ''}".strip()
    form.add_error(error.field if error.field in form.fields else None, message)
