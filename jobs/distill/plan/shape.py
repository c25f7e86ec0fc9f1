"""What a student's shape makes of a model's numbers, without its weights: target sizes, what cannot be, facts for the plan.

The compiler and the engine ask the same functions, so a plan promises what a run makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..recipe import Collapse, PruneDepth, PruneWidth, Truncate
from ..recipe.shape import MergeModels, TrimVocab
from .facts import LinearFacts, ModelFacts

AnyShape = Truncate | Collapse | PruneDepth | PruneWidth | TrimVocab | MergeModels
FIELD = "student.shape"
# Separate query, key, value, gate, up and down matrices and norms without bias: what the width surgery knows.
WIDTH_FAMILIES = ("llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma", "gemma2", "gemma3_text")
SCALES_EMBEDDING = ("gemma", "gemma2", "gemma3_text")  # by the square root of the hidden width
HEADS_DIVIDE_WIDTH = (
    "llama",
    "gemma2",
    "gemma3_text",
)  # what their stock configurations demand, stated head size or not
LEARNED_POSITIONS = ("gpt2", "opt")
QUERY, KEY_VALUE = ("q_proj",), ("k_proj", "v_proj")


@dataclass(frozen=True)
class Size:
    """The numbers a shape can change."""

    model_type: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    intermediate: int

    @classmethod
    def of(cls, facts: ModelFacts) -> Size:
        return cls(
            facts.model_type,
            facts.layers,
            facts.hidden_size,
            facts.heads,
            facts.kv_heads,
            facts.intermediate_size,
        )


class Wrong(NamedTuple):
    """Why a shape cannot be: the field, the sentence, and a value that would do."""

    code: str
    field: str
    message: str
    better: int | None = None


def target(shape: AnyShape | None, size: Size) -> Size:
    """Size of the shaped student. Collapsing is counted as if every merge were kept: how many are is measured later."""
    if isinstance(shape, (Truncate, PruneDepth)):
        return replace(size, layers=_kept_count(shape, size.layers))
    if isinstance(shape, Collapse):
        return replace(size, layers=collapsed(shape, size.layers))
    if isinstance(shape, PruneWidth):
        return _narrow(shape, size)
    return size


def kept_layers(shape: Truncate, layers: int) -> list[int]:
    """Which layers a truncation keeps, in the order they stand."""
    if shape.keep == "listed":
        return list(shape.listed)
    if shape.keep == "every":
        return list(range(0, layers, shape.every))
    count = _share(shape.layers, shape.share, layers)
    return list(range(count)) if shape.keep == "first" else list(range(layers - count, layers))


def collapsed(shape: Collapse, layers: int) -> int:
    """Layers left when every merge is kept; the walk of `shapes/collapse.py` with nothing rejected."""
    left, place = layers, min(shape.highest or layers, layers) - shape.merged
    while place >= shape.lowest and left > shape.at_least:
        folded = min(shape.merged - 1, left - 1 - place, left - shape.at_least)
        if folded > 0:
            left -= folded
        place = min(place - shape.interval, left - shape.merged)
    return left


def _kept_count(shape: Truncate | PruneDepth, layers: int) -> int:
    if isinstance(shape, Truncate):
        return len(kept_layers(shape, layers))
    return _share(shape.layers, shape.share, layers)


def _share(count: int | None, share: float, of: int) -> int:
    return max(1, round(share * of)) if count is None else count


def _narrow(shape: PruneWidth, size: Size) -> Size:
    each_its_own = size.kv_heads == size.heads
    heads = shape.heads
    if heads is None:
        group = size.heads // max(1, size.kv_heads)
        kept = max(1, round(shape.heads_share * (size.heads if each_its_own else group)))
        heads = kept if each_its_own else kept * (shape.kv_heads or size.kv_heads)
    kv = shape.kv_heads if shape.kv_heads is not None else heads if each_its_own else size.kv_heads
    hidden = _width(shape.hidden, shape.hidden_share, size.hidden)
    if shape.heads is None and size.model_type in HEADS_DIVIDE_WIDTH:
        heads = _dividing(heads, 1 if each_its_own else kv, hidden, size.heads)
        kv = heads if each_its_own and shape.kv_heads is None else kv
    return replace(
        size,
        hidden=hidden,
        heads=heads,
        kv_heads=kv,
        intermediate=_width(shape.intermediate, shape.mlp_share, size.intermediate),
        layers=_share(shape.layers, shape.layers_share, size.layers),
    )


def _dividing(heads: int, step: int, hidden: int, most: int) -> int:
    """The number nearest to `heads` that divides the width and is a multiple of `step`; `heads` itself where there is none."""
    possible = [n for n in range(max(1, step), most + 1, max(1, step)) if hidden % n == 0]
    return min(possible, key=lambda n: (abs(n - heads), -n), default=heads)


def _width(asked: int | None, share: float, whole: int) -> int:
    """A share of a width, to a multiple of 8 where the model is wide enough to mind."""
    if asked is not None or share == 1:
        return whole if asked is None else asked
    step = 8 if whole >= 64 else 2
    return max(step, round(share * whole / step) * step)


def passes(shape: AnyShape, layers: int) -> int:
    """How often the whole model reads the rows to be measured."""
    if isinstance(shape, Collapse):
        return 1 + max(1, layers // shape.interval)
    if isinstance(shape, PruneDepth):
        return 1 if shape.score == "block_influence" else 1 + layers
    if isinstance(shape, PruneWidth) and shape.score != "activation":
        steps = -(-8 * shape.steps // max(1, shape.rows)) if shape.score == "l0_mask" else 1
        return 3 * steps  # a backward costs two forwards
    return 1 if isinstance(shape, PruneWidth) else 0


# -- what cannot be -------------------------------------------------------------------------------------------------------


def wrong(shape: AnyShape, size: Size, special: int = 1, models: tuple[str, ...] = ()) -> Iterator[Wrong]:
    """Every reason why this shape cannot be made of a model of this size. `special`: special tokens of its tokenizer;
    `models`: names of the recipe's other models."""
    if isinstance(shape, Truncate) and shape.keep == "listed":
        yield from _wrong_list(shape, size.layers)
    elif isinstance(shape, (Truncate, PruneDepth)):
        yield from _wrong_count("layers", "layers", target(shape, size).layers, size.layers)
    if isinstance(shape, PruneDepth) and shape.protect_first + shape.protect_last > target(shape, size).layers:
        yield Wrong(
            "SHAPE_PROTECTS_TOO_MANY",
            f"{FIELD}.protect_first",
            f"{shape.protect_first + shape.protect_last} layers are always kept, but only {target(shape, size).layers} may stay.",
            0,
        )
    if isinstance(shape, PruneWidth):
        yield from _wrong_width(shape, size)
    if isinstance(shape, TrimVocab) and not special:
        yield Wrong(
            "SHAPE_NO_SPECIAL_TOKENS",
            FIELD,
            "The student's tokenizer has no special tokens, so a trimmed vocabulary would have no end-of-text token to keep.",
        )
    if isinstance(shape, MergeModels):
        for name in shape.models:
            if name not in models:
                yield Wrong(
                    "SHAPE_MODEL_UNKNOWN",
                    f"{FIELD}.models",
                    f"The recipe has no model called {name!r} to merge with; there are: {', '.join(models) or 'none'}.",
                )


def _wrong_list(shape: Truncate, layers: int) -> Iterator[Wrong]:
    field = f"{FIELD}.listed"
    if not shape.listed:
        yield Wrong("SHAPE_NO_LAYERS", field, "No layer is listed, so nothing would be left of the model.")
    if beyond := [n for n in shape.listed if not 0 <= n < layers]:
        yield Wrong(
            "SHAPE_TOO_MANY_LAYERS",
            field,
            f"Layer {beyond[0]} is listed, but the model has {layers:,}, numbered from 0 to {layers - 1:,}.",
        )


def _wrong_count(name: str, words: str, wanted: int, there: int) -> Iterator[Wrong]:
    field = f"{FIELD}.{name}"
    if wanted < 1:
        yield Wrong(
            f"SHAPE_NO_{name.upper()}", field, f"0 {words} would be kept, so nothing would be left of the model.", 1
        )
    elif wanted > there:
        yield Wrong(
            f"SHAPE_TOO_MANY_{name.upper()}",
            field,
            f"{wanted:,} {words} are to be kept, but the model has only {there:,}.",
            there,
        )


def _wrong_width(shape: PruneWidth, size: Size) -> Iterator[Wrong]:
    want = target(shape, size)
    if size.model_type not in WIDTH_FAMILIES:
        yield Wrong(
            "SHAPE_FAMILY",
            f"{FIELD}.kind",
            f"Models of type {size.model_type} can be cut by layers, not by width: their attention or MLP matrices are "
            "laid out in another way.",
        )
        return
    for name, words in (
        ("hidden", "hidden dimensions"),
        ("heads", "heads"),
        ("kv_heads", "key-value heads"),
        ("intermediate", "MLP channels"),
        ("layers", "layers"),
    ):
        yield from _wrong_count(name, words, getattr(want, name), getattr(size, name))
    yield from _wrong_heads(want, size)
    if want.hidden < size.hidden and size.model_type in SCALES_EMBEDDING:
        yield Wrong(
            "SHAPE_EMBEDDING_SCALED",
            f"{FIELD}.hidden",
            f"Models of type {size.model_type} scale their embedding by the hidden width, so that width must stay {size.hidden:,}.",
            size.hidden,
        )


def _wrong_heads(want: Size, size: Size) -> Iterator[Wrong]:
    if want.kv_heads < 1 or want.heads < 1:
        return
    if want.heads % want.kv_heads:
        yield Wrong(
            "SHAPE_HEADS_UNEVEN",
            f"{FIELD}.heads",
            f"{want.heads} heads cannot be shared evenly by {want.kv_heads} key-value heads; heads must be a multiple of them.",
            max(1, want.heads // want.kv_heads) * want.kv_heads,
        )
    elif want.heads // want.kv_heads > size.heads // size.kv_heads:
        group = size.heads // size.kv_heads
        yield Wrong(
            "SHAPE_HEADS_GROUP",
            f"{FIELD}.heads",
            f"{want.heads} heads on {want.kv_heads} key-value heads are {want.heads // want.kv_heads} a group, but the model has only {group} a group.",
            want.kv_heads * group,
        )
    elif size.model_type in HEADS_DIVIDE_WIDTH and want.hidden % want.heads:
        better = _dividing(want.heads, want.kv_heads, want.hidden, size.heads)
        yield Wrong(
            "SHAPE_HEADS_WIDTH",
            f"{FIELD}.heads",
            f"{want.heads} heads do not divide a hidden width of {want.hidden:,}, which models of type {size.model_type} need.",
            better if better != want.heads else None,
        )


# -- facts of the shaped student ------------------------------------------------------------------------------------------


def shaped_facts(facts: ModelFacts, shape: AnyShape | None) -> ModelFacts:
    """Facts of the shaped student: parameters and bytes follow from sizes alone. The vocabulary of a trimmed model is known
    only when tokens are counted, so the whole one stands here, as the most it can be."""
    size = Size.of(facts)
    want = target(shape, size)
    if shape is None or any(True for _ in wrong(shape, size)):
        return facts
    linears = [_linear(m, size, want) for m in facts.linears]
    parameters = sum(_count(m) for m in linears) + _outside(facts, size, want)
    return facts.model_copy(
        update={
            "name": f"{facts.name}, {shape.kind.replace('_', ' ')}",
            "sha256": None,  # it has no files yet, and is not the model it is made of
            "layers": want.layers,
            "hidden_size": want.hidden,
            "heads": want.heads,
            "kv_heads": want.kv_heads,
            "intermediate_size": want.intermediate,
            "linears": linears,
            "parameters": parameters,
            "weight_bytes": round(facts.weight_bytes * parameters / max(1, facts.parameters)),
        }
    )


def _count(m: LinearFacts) -> int:
    return m.inputs * m.outputs * m.count


def _linear(m: LinearFacts, size: Size, want: Size) -> LinearFacts:
    sides = {"inputs": m.inputs, "outputs": m.outputs}
    if m.name == "o_proj":
        sides = {"inputs": m.inputs * want.heads // size.heads, "outputs": want.hidden}
    elif m.name == "down_proj":
        sides = {"inputs": want.intermediate, "outputs": want.hidden}
    elif m.name in ("gate_proj", "up_proj"):
        sides = {"inputs": want.hidden, "outputs": want.intermediate}
    elif m.name in QUERY:
        sides = {"inputs": want.hidden, "outputs": m.outputs * want.heads // size.heads}
    elif m.name in KEY_VALUE:
        sides = {"inputs": want.hidden, "outputs": m.outputs * want.kv_heads // size.kv_heads}
    if size == replace(want, layers=size.layers):
        sides = {"inputs": m.inputs, "outputs": m.outputs}
    return m.model_copy(update={**sides, "count": m.count * want.layers // size.layers})


def _outside(facts: ModelFacts, size: Size, want: Size) -> int:
    """Parameters that are no linear layer: embeddings, the output layer, norms and biases."""
    tables = facts.vocab_rows * (1 if facts.tied else 2)
    positions = facts.context if size.model_type in LEARNED_POSITIONS else 0
    fixed = (tables + positions + 1) * size.hidden
    layered = facts.parameters - sum(_count(m) for m in facts.linears) - fixed
    return round((fixed + layered * want.layers / size.layers) * want.hidden / size.hidden)
