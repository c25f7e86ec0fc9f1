"""Models a team may pick: its own and the shared samples. Facts come with words for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404

from workbench.home import units
from workbench.runs.models import ENDED, Kind, Run
from workbench.team.models import Team

from .models import HubToken, Model, Source

KIND_WORDS = {
    "causal": "Causal: one stack reads and writes",
    "encoder-decoder": "Encoder-decoder: one stack reads the prompt, another writes the answer",
    "encoder": "Encoder: reads and cannot write",
}


@dataclass
class Shown:
    """A model with its facts in words."""

    model: Model
    facts: dict[str, Any]
    size: str
    context: str
    vocabulary: str
    licence: str


def models(team: Team) -> QuerySet[Model]:
    return Model.objects.filter(Q(team=team) | Q(team=None)).order_by("-team_id", "title", "-created_at")


def model_or_404(team: Team | None, model_id: UUID) -> Model:
    model = models(team).filter(pk=model_id).first() if team else None
    if model is None:
        raise Http404("There is no such model.")
    return model


def shown(model: Model) -> Shown:
    facts = model.facts or {}
    tokenizer = facts.get("tokenizer") or {}
    context, ids = facts.get("context"), tokenizer.get("vocab_size")
    return Shown(
        model,
        facts,
        parameters(facts.get("parameters")),
        f"{context:,} tokens" if context else "–",
        f"{ids:,} tokens" if ids else "–",
        model.licence or facts.get("licence") or "not stated",
    )


def library(team: Team, q: str = "") -> dict[str, list[Shown]]:
    """{'own': [...], 'samples': [...]}"""
    found = models(team)
    if q:
        found = found.filter(Q(title__icontains=q) | Q(key__icontains=q))
    every = [shown(m) for m in found[:500]]
    return {"own": [s for s in every if s.model.team_id], "samples": [s for s in every if not s.model.team_id]}


def under_way(team: Team) -> list[Run]:
    """Models that are being added, or whose adding failed and was not repeated with success."""
    runs = (
        Run.objects.filter(team=team, kind=Kind.ADD_MODEL)
        .exclude(state__in=("succeeded", "cancelled"))
        .order_by("-created_at")[:10]
    )
    have = set(models(team).values_list("key", flat=True))
    return [r for r in runs if r.state not in ENDED or r.spec.get("key") not in have]


def existing(team: Team, key: str, revision: str) -> Model | None:
    """A model of exactly this key and commit that is already there."""
    return models(team).filter(key=key, revision=revision).first()


def has_hub_token(team: Team) -> bool:
    return HubToken.objects.filter(team=team).exists()


def parameters(n: int | None) -> str:
    """135 million parameters, 1.7 billion parameters."""
    if not n:
        return "–"
    for unit, name in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if n >= unit:
            return f"{n / unit:.3g} {name} parameters"
    return f"{n} parameters"


def fact_list(item: Shown) -> list[tuple[str, str]]:
    f, t = item.facts, item.facts.get("tokenizer") or {}
    if not f:
        return []
    rows = [
        ("Parameters", f"{f['parameters']:,}"),
        ("Weights on disk", units.size(f.get("weight_bytes"))),
        ("Number format", f.get("dtype", "–")),
        ("Family", f.get("architecture", "–")),
        ("Kind", KIND_WORDS[f.get("kind", "causal")]),
        ("Layers", _layers(f)),
        ("Attention heads", f"{f.get('heads')} ({f.get('kv_heads')} for keys and values)"),
        ("Context", item.context),
        ("Vocabulary", f"{item.vocabulary} ({f.get('vocab_rows'):,} embedding rows)"),
        ("Output layer", "shared with the embedding" if f.get("tied") else "own weights"),
        ("Chat template", "yes" if t.get("template_sha256") else "none"),
        ("Licence", item.licence),
    ]
    return rows


def _layers(f: dict[str, Any]) -> str:
    width = f"of width {f['hidden_size']:,}"
    if encoders := f.get("encoder_layers"):
        return f"{encoders} in the encoder, {f['layers']} in the decoder, {width}"
    return f"{f['layers']} {width}"


def source_words(model: Model) -> str:
    return {
        Source.SAMPLE: "Comes with the workbench",
        Source.HUB: "Hugging Face hub",
        Source.FOLDER: "Folder on the server",
    }[Source(model.source)]
