"""ModelFacts of a folder, without torch, transformers or running anything of the folder's author."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from ..errors import ModelRejected
from ..plan.facts import LinearFacts, ModelFacts, TokenizerFacts
from . import headers
from .config import Shape, read_config
from .finite import check_finite
from .folder import check_files, manifest_sha256
from .headers import Tensor
from .positions import scaling_of
from .tokenizer import read_tokenizer

LISTED = 20  # names in a message


def inspect_model(
    folder: Path,
    name: str | None = None,
    source: str = "folder",
    revision: str | None = None,
    *,
    hash_files: bool = True,
) -> ModelFacts:
    """Everything the compiler must know about a model. Raises ModelRejected with place and remedy.

    `hash_files=False` leaves out what reads every byte of the weights, the manifest hash and the search for NaN: for callers
    that know the hash.
    """
    folder = Path(folder)
    check_files(folder)
    shape = read_config(folder)
    tensors = _canonical(headers.read_weights(folder), shape)
    tokenizer = read_tokenizer(folder)
    vocab_rows = _check_tensors(tensors, shape)
    _check_tokenizer(tokenizer, vocab_rows)
    if hash_files:
        check_finite(folder, tensors.values())
    notes = _notes(tensors, tokenizer, shape)
    return ModelFacts(
        name=name or folder.name,
        source=source,
        revision=revision,
        sha256=manifest_sha256(folder) if hash_files else None,
        model_type=shape.model_type,
        kind=shape.family.kind,
        architecture=shape.family.architecture,
        encoder_layers=shape.encoder_layers,
        hidden_size=shape.hidden,
        layers=shape.layers,
        heads=shape.heads,
        kv_heads=shape.kv_heads,
        intermediate_size=shape.intermediate,
        vocab_rows=vocab_rows,
        context=shape.context,
        positions=scaling_of(shape.raw),
        tied=_tied(tensors, shape),
        parameters=sum(t.numel for t in tensors.values()),
        weight_bytes=sum(t.end - t.start for t in tensors.values()),
        dtype=_dtype(tensors),
        linears=_linears(tensors, shape),
        tokenizer=tokenizer,
        licence=_licence(folder),
        notes=notes,
    )


def _canonical(tensors: dict[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """Without saved buffers, with the prefix that old files leave out, without the copy of a tied head."""
    family = shape.family
    out = {n: t for n, t in tensors.items() if not n.endswith(family.buffers)}
    if family.prefix and family.embedding not in out:
        out = {n if n == "lm_head.weight" else family.prefix + n: t for n, t in out.items()}
    if shape.tied:
        out.pop("lm_head.weight", None)
    return out


def _headed(shape: Shape) -> bool:
    """Whether the files must hold an output layer of their own: an encoder gets its labels' layer when it is trained."""
    return shape.family.kind != "encoder" and not shape.tied and not shape.family.head_by_file


def _tied(tensors: dict[str, Tensor], shape: Shape) -> bool:
    return shape.tied or "lm_head.weight" not in tensors


def _check_tensors(tensors: dict[str, Tensor], shape: Shape) -> int:
    """Rows of the embedding. Refuses weights that are missing, left over or of another shape than config.json says."""
    embedding = tensors.get(shape.family.embedding)
    missing = [] if embedding else [shape.family.embedding]
    if _headed(shape) and "lm_head.weight" not in tensors:
        missing.append("lm_head.weight")
    extra: list[str] = []
    for layer, layers in _stacks(shape):
        lacking, left = _check_stack(tensors, shape, layer, layers)
        missing, extra = missing + lacking, extra + left
    _refuse("is missing", "are missing", missing)
    _refuse(
        "does not belong to the model config.json describes", "do not belong to the model config.json describes", extra
    )
    assert embedding is not None
    if embedding.shape[0] != shape.vocab:
        raise _mismatch(f"the embedding has {embedding.shape[0]:,} rows, config.json says vocab_size {shape.vocab:,}")
    if shape.model_type != "opt" and embedding.shape[1:] != (shape.hidden,):
        raise _mismatch(f"the embedding is {embedding.shape[1]:,} wide, config.json says {shape.hidden:,}")
    return shape.vocab


def _stacks(shape: Shape) -> list[tuple[str, int]]:
    """What the names of a stack's tensors begin with, and its layers."""
    own = [(shape.family.layer, shape.layers)]
    return [*own, (shape.family.encoder_layer, shape.encoder_layers)] if shape.encoder_layers else own


def _check_stack(tensors: dict[str, Tensor], shape: Shape, layer: str, layers: int) -> tuple[list[str], list[str]]:
    """Names that are missing and names that are left over in one stack of layers."""
    parts = _layer_parts(tensors, layer)
    every = set().union(*parts.values()) if parts else set()
    names = {p.rsplit(".", 2)[-2] for p in every if p.count(".")}
    missing = [f"{layer}0.*.{n}.weight" for n in shape.linears if n not in names]
    missing += [
        f"{layer}{i}.{p}" for i in range(layers) for p in sorted(every - parts.get(i, set()) - set(shape.family.uneven))
    ][: LISTED + 1]
    return missing, [f"{layer}{i}.{p}" for i in sorted(parts) if i >= layers for p in sorted(parts[i])]


def _layer_parts(tensors: dict[str, Tensor], layer: str) -> dict[int, set[str]]:
    """Layer number -> names of its tensors after the number."""
    found: dict[int, set[str]] = {}
    pattern = re.compile(re.escape(layer) + r"(\d{1,6})\.(.+)")
    for name in tensors:
        if m := pattern.fullmatch(name):
            found.setdefault(int(m[1]), set()).add(m[2])
    return found


def _refuse(one: str, many: str, names: list[str]) -> None:
    if names:
        shown = ", ".join(names[:LISTED]) + (" ..." if len(names) > LISTED else "")
        raise ModelRejected(
            f"{'A tensor' if len(names) == 1 else 'Tensors'} {one if len(names) == 1 else many}: {shown}.",
            code="MODEL_TENSORS",
            hint="The weights and config.json belong to different models, or a file is incomplete. Download the model again.",
        )


def _mismatch(what: str) -> ModelRejected:
    return ModelRejected(
        f"Weights and config.json disagree: {what}.", code="MODEL_TENSORS", hint="Download the model again."
    )


def _check_tokenizer(tokenizer: TokenizerFacts, vocab_rows: int) -> None:
    if tokenizer.vocab_size > vocab_rows:
        raise ModelRejected(
            f"The tokenizer has {tokenizer.vocab_size:,} ids, the embeddings {vocab_rows:,}: some tokens have no vector.",
            code="MODEL_TOKENIZER",
            hint="Use the tokenizer the model was trained with, or resize the embeddings.",
        )
    if tokenizer.vocab_size == 0:
        raise ModelRejected("The tokenizer has no tokens.", code="MODEL_TOKENIZER", hint="Save the tokenizer again.")


def _linears(tensors: dict[str, Tensor], shape: Shape) -> list[LinearFacts]:
    """Linear modules inside the layers by name and shape. GPT-2's c_proj has two shapes and so two entries."""
    count: Counter[tuple[str, int, int]] = Counter()
    inside = tuple(layer for layer, _ in _stacks(shape))
    for name, t in tensors.items():
        last = name.rsplit(".", 2)
        if name.startswith(inside) and last[-1] == "weight" and last[-2] in shape.linears and len(t.shape) == 2:
            a, b = t.shape
            count[(last[-2], *((a, b) if shape.family.transposed else (b, a)))] += 1
    order = {n: i for i, n in enumerate(shape.linears)}
    return [
        LinearFacts(name=n, inputs=i, outputs=o, count=c)
        for (n, i, o), c in sorted(count.items(), key=lambda x: (order[x[0][0]], x[0]))
    ]


def _dtype(tensors: dict[str, Tensor]) -> str:
    """The number format most weights are stored in."""
    size: Counter[str] = Counter()
    for t in tensors.values():
        size[t.dtype] += t.numel
    dtype = size.most_common(1)[0][0]
    if dtype not in headers.NAMES:
        raise ModelRejected(
            f"The weights are stored as {dtype}: quantised weights cannot be distilled.",
            code="MODEL_QUANTISED",
            hint="Choose the unquantised model.",
        )
    return headers.NAMES[dtype]


def _notes(tensors: dict[str, Tensor], tokenizer: TokenizerFacts, shape: Shape) -> list[str]:
    notes = []
    if tokenizer.vocab_size < shape.vocab:
        notes.append(
            f"The embedding has {shape.vocab:,} rows for {tokenizer.vocab_size:,} tokens: {shape.vocab - tokenizer.vocab_size:,} are padding and are never used."
        )
    if shape.family.kind == "encoder":
        return [*notes, "It reads text and cannot write: a student that classifies or tags."]
    if shape.kind == "encoder-decoder":
        notes.append(
            "An encoder-decoder: the encoder reads the prompt, the decoder writes the answer; each may be as long as the context."
        )
    if tokenizer.template_sha256 is None:
        notes.append("The model has no chat template: turns are joined by line breaks.")
    if not tokenizer.eos_ids:
        notes.append("The model names no end-of-text token: answers end only at the length limit.")
    if (
        isinstance(window := shape.raw.get("sliding_window"), int)
        and window < shape.context
        and shape.raw.get("use_sliding_window", True)
    ):
        notes.append(f"Attention looks back {window:,} tokens in its sliding-window layers.")
    return notes


def _licence(folder: Path) -> str | None:
    """`license:` of the front matter of README.md, the hub's convention."""
    path = folder / "README.md"
    text = path.read_bytes()[:65536].decode("utf-8", "replace") if path.is_file() else ""
    head = text.split("\n---", 1)[0] if text.startswith("---") else ""
    named = re.search(r"^license_name:\s*([^\n#]+)", head, re.MULTILINE)
    short = re.search(r"^license:\s*([^\n#]+)", head, re.MULTILINE)
    found = named if named and (not short or short[1].strip() == "other") else short
    return found[1].strip().strip("'\"")[:200] if found else None
