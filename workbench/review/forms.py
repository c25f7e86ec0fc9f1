"""What the desk's forms send, turned into domain values."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from jobs.distill.errors import DataRefused
from workbench.runs.models import Run

from . import content
from .actions import MOST_ROWS
from .content import Content
from .models import BY_RUN, Order

NEW_SPANS = 3  # empty lines under the painted spans, for pages without JavaScript
LISTED = 1002  # lines read of one form


class ReviewForm(forms.Form):
    """A new desk."""

    order = forms.ChoiceField(
        label="Order of the rows",
        choices=Order.choices,
        initial=Order.HINTS,
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    run = forms.ModelChoiceField(
        label="Run", queryset=Run.objects.none(), required=False, empty_label="None",
        widget=forms.Select(attrs={"class": "form-select"}), help_text="For the three orders by a run: what it found out about single rows.",
    )  # fmt: skip
    limit = forms.IntegerField(
        label="At most so many rows", initial=500, min_value=1, max_value=MOST_ROWS,
        widget=forms.NumberInput(attrs={"class": "form-control"}), help_text="The first of this order; the others stay as they are.",
    )  # fmt: skip
    seats = forms.TypedChoiceField(
        label="Each row is decided by", coerce=int, choices=[(1, "one person"), (2, "two people, each without seeing the other")], initial=1,
        widget=forms.Select(attrs={"class": "form-select"}), help_text="Two: their agreement is measured, and where they differ a third decision counts.",
    )  # fmt: skip

    def __init__(self, *args: Any, runs: list[Run], **more: Any) -> None:
        super().__init__(*args, **more)
        field: Any = self.fields["run"]
        field.queryset = Run.objects.filter(pk__in=[r.pk for r in runs]).order_by("-created_at")
        field.label_from_instance = lambda r: f"{r.number}: {r.title}"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("order") in BY_RUN and not cleaned.get("run"):
            self.add_error("run", "This order needs a run over these rows.")
        return cleaned


def content_of(post: QueryDict, before: Content) -> Content:
    """The row's content as the form has it; what the form does not have stays. Raises DataRefused for wrong spans."""
    out: Content = {}
    turns = [post.get(f"turn-{n}") for n in range(len(before["messages"]))]
    if any(t is not None for t in turns):
        out["messages"] = [
            m if text is None else {**m, "content": text.replace("\r\n", "\n")}
            for m, text in zip(before["messages"], turns, strict=True)
        ]
    if post.get("label") is not None:
        out["answer"] = post["label"]
    elif (said := post.get("answer")) is not None:
        text = str(said).replace("\r\n", "\n")
        out["answer"] = None if before["answer"] is None and not text.strip() else text
    if "span-start" in post:
        answer = out.get("answer", before["answer"]) or ""
        spans = _spans(post, answer)
        old = before["answer"] or ""
        out["paint"] = moved(spans, old, back=True) if "\r" in old and content.lines(old) == answer else spans
    return out


def moved(spans: list[Any], answer: str, back: bool = False) -> list[Any]:
    """Spans of an answer as a text field counts its characters, where every line ends with one; `back`: the other way."""
    if "\r" not in answer:
        return spans
    ends = [len(content.lines(answer[:n])) for n in range(len(answer) + 1)]
    if back:
        ends = [len(ends) - 1 - ends[::-1].index(n) for n in range(ends[-1] + 1)]  # behind both signs of a line's end
    return [
        [*(ends[int(p)] if str(p).isdecimal() and int(p) < len(ends) else p for p in span[:2]), span[2]]
        for span in spans
    ]


def _spans(post: QueryDict, answer: str) -> list[list[float]]:
    """Lines of start, end and weight; a line may name a phrase of the answer instead of its place."""
    starts, ends, weights = (post.getlist(f"span-{n}")[:LISTED] for n in ("start", "end", "weight"))
    phrases = post.getlist("span-phrase")[:LISTED]
    out: list[list[float]] = []
    for n, (start, end, weight) in enumerate(zip(starts, ends, weights, strict=False)):
        phrase = phrases[n] if n < len(phrases) else ""
        if not start.strip() and not end.strip() and phrase:
            at = answer.find(phrase)
            if at < 0:
                raise DataRefused(
                    f"“{phrase[:60]}” does not stand in the answer.",
                    field="paint",
                    hint="Copy it from the answer as it stands.",
                )
            out.append([at, at + len(phrase), weight])  # type: ignore[list-item]
        elif start.strip() or end.strip():
            out.append([start.strip(), end.strip(), weight.strip()])  # type: ignore[list-item]
    return out
