"""The reported score of a classifier or tagger made again, with plain transformers and peft."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import recipe as recipes
from ..errors import VerifyFailed
from ..export import HEAD_FILE
from ..models.config import read_config
from ..rows import read_rows, rows_sha256, stratified
from ..weights import load_tokenizer
from .export import reload
from .judging import scores_of
from .labeller import Labeller, spec_of
from .reading import Reader


def load_adapter(adapter: Path, base: Path) -> tuple[Any, Labeller]:
    """(the model with its adapter, what reads and answers for it), on the CPU in float32."""
    note = json.loads((adapter / HEAD_FILE).read_text(encoding="utf-8"))
    spec = spec_of(note)
    model = reload(base, adapter, spec, torch.float32, torch.device("cpu"), note["pad_token_id"])
    reader = Reader(load_tokenizer(base), spec.labels, note["max_length"])
    prior = np.full(len(spec.labels), 1 / len(spec.labels))
    return model, Labeller(spec, reader, note["pad_token_id"], read_config(base), prior)


def score_labels(adapter: Path, base: Path, rows_file: Path | None, report: dict[str, Any]) -> tuple[float | None, int]:
    """(score on the run's own held-out rows, their number); (None, 0) without rows. Raises VerifyFailed for other rows."""
    model, labeller = load_adapter(adapter, base)
    if rows_file is None:
        return None, 0
    recipe = recipes.load(adapter / "recipe.yaml")
    rows = read_rows(rows_file, recipe.data.heldout)
    if (found := rows_sha256(rows)) != report["rows"]["sha256"]:
        raise VerifyFailed(
            f"These are not the rows of the run: it used {report['rows']['sha256'][:12]}…, the file holds {found[:12]}….",
            field="rows",
            hint="Give data/rows.parquet of the run folder.",
        )
    heldout = stratified([r for r in rows if r.split == "heldout" and r.labelled], recipe.evaluation.limit)
    said = labeller.say(model, heldout)
    return float(scores_of(labeller, heldout, said).mean()), len(heldout)
