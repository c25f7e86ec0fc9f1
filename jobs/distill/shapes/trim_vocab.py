"""Tokens the text does not use leave the model and its tokenizer."""

from __future__ import annotations

from ..parts import Paper
from ..recipe import TrimVocab
from .base import Given, Shaped, ShapeKind


class VocabTrimmed(ShapeKind):
    id = "trim_vocab"
    title = "Vocabulary trimmed"
    summary = "Keeps the tokens seen in the rows, special tokens, single bytes and the pieces they are merged from; logits of kept tokens do not change."
    when_to_use = (
        "When one language or one task is all a multilingual model is for: embeddings are most of a small model."
    )
    formula = r"E' = E_{K},\quad W' = W_{K},\quad z'_k = z_k \ \ (k \in K)"
    paper = Paper(
        title="An Efficient Multilingual Language Model Compression through Vocabulary Trimming",
        authors="Ushio, Zhou, Camacho-Collados",
        year=2023,
        venue="Findings of EMNLP",
        arxiv="2305.15020",
        url="https://arxiv.org/abs/2305.15020",
    )
    Options = TrimVocab

    def make(self, given: Given) -> Shaped:
        import torch

        from ..models.config import eos_ids
        from .tokens import CONFIG_IDS, trim

        config = given.model.config.to_dict()
        named = [i for name in CONFIG_IDS for i in _listed(config.get(name))]
        always = {*named, *eos_ids(given.folder, None)}
        rebuilt = trim(given.folder, given.counts(), given.options.least, given.options.limit, always)
        rows = config["vocab_size"]
        kept = torch.tensor([i for i in rebuilt.kept if i < rows])
        tables = [given.model.get_input_embeddings(), given.model.get_output_embeddings()]
        cut = {id(p) for table in tables for p in table.parameters()}
        tensors = {
            name: t.index_select(0, kept.to(t.device)) if id(p) in cut else t
            for name, t, p in _named_tensors(given.model)
        }
        changes = {name: rebuilt.ids(config[name]) for name in CONFIG_IDS if config.get(name) is not None}
        before = sum(p.numel() for p in given.model.parameters())
        saved = sum(p.numel() * (rows - len(kept)) // rows for p in given.model.parameters() if id(p) in cut)
        given.told(
            f"{len(kept):,} of {rows:,} tokens are kept: {before - saved:,} parameters instead of {before:,}, {saved / before:.0%} fewer."
        )
        return Shaped(
            {**changes, "vocab_size": len(kept)},
            tensors,
            {"tokens_before": rows, "tokens": len(kept), "parameters_before": before, "parameters": before - saved},
            rebuilt,
        )


def _listed(value: object) -> list[int]:
    return [v for v in (value if isinstance(value, list) else [value]) if type(v) is int and v >= 0]


def _named_tensors(model):  # type: ignore[no-untyped-def]
    """(name, tensor, parameter) of the state dict; tied names share one parameter."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
    for name, tensor in model.state_dict().items():
        yield name, tensor, parameters.get(name)
