"""Makes a shaped model as a folder that plain transformers loads: safetensors, config.json, tokenizer, model card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from ..catalog.parts.shapes import SHAPES
from ..errors import PlanRefused
from ..models import headers
from ..models.config import Shape as Config
from ..models.config import eos_ids, read_config
from ..models.folder import MODEL_FILES, check_files, manifest_sha256
from ..models.tokenizer import tokenizer_facts
from ..plan.shape import AnyShape, Size, wrong
from ..rows import Renderer, Row, stratified
from ..weights import load_model, load_tokenizer
from .base import Given, Shaped
from .calibration import Batch, batches_of, counts_of
from .card import model_card
from .tokens import CONFIG_IDS, Rebuilt

__all__ = ["NOTE", "make"]

NOTE = "SHAPE.json"
LONGEST = 1024  # tokens of a row that is measured on


def make(
    source: Path,
    out: Path,
    shape: AnyShape,
    *,
    key: str,
    rows: Sequence[Row] = (),
    others: Mapping[str, Path] | None = None,
    seed: int = 0,
    told: Callable[[str], None] = lambda text: None,
    note: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes the shaped model of `source` to `out` (whole or not at all) and returns its note: shape, made_of, sha256 (the new
    manifest hash), sizes, what was measured. The same arguments give the same bytes. Raises PlanRefused in words.
    """
    config, others = read_config(source), dict(others or {})
    _refuse(source, config, shape, rows, tuple(others))
    torch.manual_seed(seed)
    stored = _stored_dtype(source)
    on = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = load_model(source, torch.float32 if on.type == "cpu" else stored, on)
    given = Given(
        source, model, config.family, _size(config), shape, seed,
        lambda n: [b.to(on) for b in _batches(source, config, rows, n, seed)],
        lambda: counts_of(_texts(source, rows)),
        lambda name: dict(load_model(others[name], torch.float32, on).state_dict()),
        told,
    )  # fmt: skip
    shaped: Shaped = SHAPES[shape.kind]().make(given)  # type: ignore[attr-defined]
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _write_model(model, shaped, stored, partial)
    _write_rest(source, shaped.tokenizer, partial)
    made = {
        **(note or {}),
        "shape": shape.model_dump(mode="json"),
        "made_of": key,
        "sha256": manifest_sha256(partial),
        "parameters": {"before": _count(model), "after": _count_file(partial)},
        "measured": shaped.measured,
    }
    (partial / NOTE).write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    (partial / "README.md").write_text(model_card(made), encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)
    return made


def _refuse(source: Path, config: Config, shape: AnyShape, rows: Sequence[Row], models: tuple[str, ...]) -> None:
    for problem in wrong(shape, _size(config), len(tokenizer_facts(source).special), models):
        raise PlanRefused(problem.message, field=problem.field, code=problem.code)
    if not rows and SHAPES[shape.kind].reads_rows:  # type: ignore[attr-defined]
        raise PlanRefused(
            f"To make this shape ({shape.kind}) the model must read some rows, and there are none.",
            field="data",
            hint="Give rows, or truncate the model: that measures nothing.",
        )


def _size(config: Config) -> Size:
    return Size(
        config.model_type, config.layers, config.hidden, config.heads, config.kv_heads, config.intermediate
    )  # fmt: skip


def _stored_dtype(source: Path) -> torch.dtype:
    """The number format of most weights; the new model is stored in it."""
    sizes: dict[str, int] = {}
    for t in headers.read_weights(source).values():
        sizes[t.dtype] = sizes.get(t.dtype, 0) + t.numel
    return getattr(torch, headers.NAMES.get(max(sizes, key=lambda d: sizes[d]), "float32"))  # type: ignore[no-any-return]


# -- rows -----------------------------------------------------------------------------------------------------------------


def _texts(source: Path, rows: Sequence[Row]) -> list[list[int]]:
    """Rows as this model reads them: the prompt, and the answer where there is one."""
    tokenizer = load_tokenizer(source)
    renderer = Renderer(tokenizer, eos_ids(source, tokenizer.eos_token_id) or [0])
    return [renderer.example(r).ids.tolist() if r.labelled else renderer.prompt(r.messages) for r in rows]


def _batches(source: Path, config: Config, rows: Sequence[Row], most: int, seed: int) -> list[Batch]:
    found = batches_of(_texts(source, stratified(rows, most, seed)), min(LONGEST, config.context))
    if not found:
        raise PlanRefused("No row has two tokens to measure on.", field="data", hint="Give longer rows.")
    return found


# -- writing --------------------------------------------------------------------------------------------------------------


def _write_model(model: Any, shaped: Shaped, dtype: torch.dtype, folder: Path) -> None:
    """A stock model of the new configuration, filled and saved. Raises RuntimeError when a tensor does not fit: never happens
    for the families the surgery knows."""
    config = type(model.config).from_dict({**model.config.to_dict(), **shaped.config, "dtype": dtype})
    with torch.device("meta"):
        empty: Any = AutoModelForCausalLM.from_config(config, dtype=dtype)
    tensors = {n: t.detach().to("cpu", dtype).contiguous() for n, t in shaped.tensors.items()}
    empty.load_state_dict(tensors, strict=True, assign=True)
    empty.tie_weights()
    empty.generation_config = model.generation_config
    if shaped.tokenizer:
        for name in CONFIG_IDS:
            if getattr(empty.generation_config, name, None) is not None:
                setattr(empty.generation_config, name, shaped.tokenizer.ids(getattr(empty.generation_config, name)))
    empty.save_pretrained(folder)


def _write_rest(source: Path, rebuilt: Rebuilt | None, folder: Path) -> None:
    """The tokenizer's files, as they are or rebuilt."""
    for path in check_files(source):
        wanted = MODEL_FILES.fullmatch(path.name) and ".safetensors" not in path.name
        if not wanted or path.name in ("config.json", "generation_config.json"):
            continue
        if rebuilt is None or path.name.startswith("chat_template"):
            shutil.copyfile(path, folder / path.name)
    for name, text in (rebuilt.files if rebuilt else {}).items():
        (folder / name).write_text(text, encoding="utf-8")


def _count(model: Any) -> int:
    return sum(p.numel() for p in model.parameters())


def _count_file(folder: Path) -> int:
    return sum(t.numel for t in headers.read_weights(folder).values())
