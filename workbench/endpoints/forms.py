"""The form of an endpoint. Titles, help and ranges of its fields come from the engine's schema, so they are said once."""

from __future__ import annotations

import json
from typing import Any

from annotated_types import Ge, Le
from django import forms
from django.core.exceptions import ValidationError
from pydantic.fields import FieldInfo

from jobs.distill.plan.licences import WORDS
from jobs.distill.recipe import endpoint as schema
from workbench.home.forms import Styled

SIMPLE = ("url", "style", "model")
COST = ("price_in", "price_out", "currency")
LIMITS = ("context", "concurrency", "requests_per_minute", "tokens_per_minute")
ABILITIES = ("logprobs", "stream", "seeds", "length_field", "extra")
SPEC = (*SIMPLE, *COST, *LIMITS, *ABILITIES)
STYLES = {
    "openai-chat": "OpenAI chat completions",
    "openai-completions": "OpenAI completions (plain text)",
    "anthropic": "Anthropic messages",
}


def _described(name: str) -> FieldInfo:
    return schema.Endpoint.model_fields[name]


def _range(name: str) -> dict[str, Any]:
    marks = _described(name).metadata
    low = next((m.ge for m in marks if isinstance(m, Ge)), None)
    high = next((m.le for m in marks if isinstance(m, Le)), None)
    return {"min_value": low, "max_value": high}


def _words(name: str, required: bool = False) -> dict[str, Any]:
    about = _described(name)
    return {"label": about.title, "help_text": about.description or "", "required": required}


class EndpointForm(Styled, forms.Form):
    """An endpoint as typed: `spec()` is what the engine reads, `more()` what only the workbench keeps."""

    name = forms.CharField(
        label="Name", max_length=80, help_text="What your team calls it. Recipes say endpoint/ and this name in small letters."
    )  # fmt: skip
    url = forms.CharField(**_words("url", True), max_length=2000, widget=forms.TextInput(attrs={"inputmode": "url"}))
    style = forms.ChoiceField(**_words("style", True), choices=list(STYLES.items()))
    model = forms.CharField(**_words("model", True), max_length=400)
    secret = forms.CharField(
        label="Key",
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Stored encrypted for your team, never shown again. Empty: none, or the one that is stored.",
    )
    price_in = forms.FloatField(**_words("price_in"), **_range("price_in"))
    price_out = forms.FloatField(**_words("price_out"), **_range("price_out"))
    currency = forms.CharField(**_words("currency"), max_length=3)
    monthly_price = forms.FloatField(
        label="Money a month", required=False, min_value=0, max_value=1e9,
        help_text="A hard cap over all runs of your team, from the first of the month (UTC). Empty: no cap.",
    )  # fmt: skip
    monthly_tokens = forms.IntegerField(
        label="Tokens a month", required=False, min_value=1, max_value=10**15,
        help_text="Read and written together, over all runs. Empty: no cap.",
    )  # fmt: skip
    context = forms.IntegerField(**_words("context"), **_range("context"))
    concurrency = forms.IntegerField(**_words("concurrency"), **_range("concurrency"))
    requests_per_minute = forms.IntegerField(**_words("requests_per_minute"), **_range("requests_per_minute"))
    tokens_per_minute = forms.IntegerField(**_words("tokens_per_minute"), **_range("tokens_per_minute"))
    logprobs = forms.IntegerField(**_words("logprobs"), **_range("logprobs"))
    stream = forms.BooleanField(**_words("stream"))
    seeds = forms.BooleanField(**_words("seeds"))
    length_field = forms.ChoiceField(
        **_words("length_field"), choices=[(v, v) for v in ("max_tokens", "max_completion_tokens")]
    )
    extra = forms.CharField(
        **_words("extra"), max_length=4000, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})
    )
    outputs = forms.ChoiceField(
        label="Training on its outputs", choices=list(WORDS.items()), initial="unknown",
        help_text="What the provider's terms or the model's licence say. The studio shows it between teacher and student.",
    )  # fmt: skip
    licence = forms.CharField(
        label="Where that stands", max_length=200, required=False, help_text="The licence, or the page of the terms."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in SPEC:
            about = _described(name)
            if not about.is_required():
                self.fields[name].initial = about.get_default(call_default_factory=True)
        self.fields["extra"].initial = ""
        self.fields["extra"].help_text = "One a line, as name=value. " + str(self.fields["extra"].help_text)
        for name in ("stream", "seeds"):
            self.fields[name].widget.attrs["class"] = "form-check-input"

    def group(self, *names: str) -> list[forms.BoundField]:
        return [self[n] for n in names]

    @property
    def cost(self) -> list[forms.BoundField]:
        return self.group(*COST, "monthly_price", "monthly_tokens")

    @property
    def limits(self) -> list[forms.BoundField]:
        return self.group(*LIMITS)

    @property
    def abilities(self) -> list[forms.BoundField]:
        return self.group("logprobs", "length_field", "extra")

    @property
    def switches(self) -> list[forms.BoundField]:
        return self.group("stream", "seeds")

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).strip().upper()

    def clean_extra(self) -> dict[str, Any]:
        return pairs(str(self.cleaned_data["extra"]))

    def spec(self) -> dict[str, Any]:
        """The engine's fields that a person filled in; empty ones stay at their default."""
        given = {n: self.cleaned_data.get(n) for n in SPEC}
        return {n: v for n, v in given.items() if v not in (None, "", {})}

    def more(self) -> dict[str, Any]:
        return {n: self.cleaned_data[n] for n in ("monthly_price", "monthly_tokens", "outputs", "licence")}


def pairs(text: str) -> dict[str, Any]:
    """`reasoning_effort=low` a line; numbers, true, false and null are read as JSON, everything else is text."""
    out: dict[str, Any] = {}
    for n, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not name:
            raise ValidationError(f"Line {n} does not have the form name=value.")
        try:
            out[name] = json.loads(value, parse_constant=str) if value else None
        except ValueError:
            out[name] = value
        if isinstance(out[name], dict | list):
            raise ValidationError(f"Line {n}: a value is text, a number, true, false or nothing.")
    return out


def as_lines(extra: dict[str, Any]) -> str:
    return "\n".join(f"{k}={'' if v is None else v if isinstance(v, str) else json.dumps(v)}" for k, v in extra.items())


class CapForm(Styled, forms.Form):
    """A higher cap for one endpoint of a run."""

    endpoint = forms.RegexField(regex=r"^endpoint/[a-z0-9_-]{1,80}$", widget=forms.HiddenInput)
    max_price = forms.FloatField(label="Money", required=False, min_value=0, max_value=1e9)
    max_tokens = forms.IntegerField(label="Tokens", required=False, min_value=1, max_value=10**13)
