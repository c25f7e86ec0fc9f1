"""A whole tiny run of a system that merges, and what it left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from jobs.distill.events import Events
from jobs.distill.merging.factors import DOWN, UP, Factors, factors_of
from jobs.distill.run import distill
from tests.jobs.distill import tiny

torch.set_num_threads(1)


def run(folder: Path, method: str, prefer: bool = False, **options: Any) -> Path:
    """Two steps a stage of the small form, rows of three domains; `prefer` gives every row a rejected answer."""
    given = tiny.rows(labelled=12, unlabelled=0, heldout=2)
    for n, row in enumerate(given):
        row["fields"] = json.dumps({"domain": "abc"[n % 3], **({"rejected": "no idea"} if prefer else {})})
    train = {"steps": 2, "batch_size": 4, "learning_rate": 0.01, "max_new_tokens": 4}
    small = {"max_new_tokens": 4, "batch_size": 8, "bootstrap": 200, "metric": "bits_per_byte"}
    recipe = {"method": method, "options": options, "train": train, "control": False, "evaluation": small}
    tiny.run_folder(folder, recipe, given)
    finish(folder)
    return folder


def finish(folder: Path) -> dict[str, Any]:
    events = Events(folder)
    report = distill(folder, events)
    events.close()
    return report


def stage(folder: Path, name: str) -> Factors:
    """The factors a stage of the run ended with."""
    return factors_of(load_file(folder / "stages" / name / "adapter.safetensors"))


def note(folder: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((folder / "stages" / name / "merge.json").read_text()))


def updates(factors: Factors) -> dict[str, torch.Tensor]:
    return {n: b.double() @ a.double() for n, (a, b) in factors.items()}


def exported(folder: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Configuration of the exported adapter, and its updates under the names of the run, without the scale."""
    tensors = load_file(folder / "adapter" / "adapter_model.safetensors")
    renamed = {n.replace(".weight", ".default.weight"): t for n, t in tensors.items()}
    assert all(n.endswith((DOWN, UP)) for n in renamed)
    return json.loads((folder / "adapter" / "adapter_config.json").read_text()), updates(factors_of(renamed))


def planted(seed: int, rank: int = 2, layers: int = 3) -> Factors:
    draw = torch.Generator().manual_seed(seed)
    shapes = [(rank, 6), (8, rank)]
    return {
        f"model.layers.{i}.q_proj": tuple(torch.randn(s, generator=draw) for s in shapes)  # type: ignore[misc]
        for i in range(layers)
    }


def close(got: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor], within: float = 1e-6) -> None:
    assert got.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(got[name], wanted[name], atol=within, rtol=1e-5)
