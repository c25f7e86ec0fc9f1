"""Stage 1 hint MSE falls, stage 2 keeps; same loss module as text."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file

from jobs.distill.objectives.features.hidden import Hidden
from tests.jobs.distill.systems.duo import losses_of, run, stage


def test_the_hints_fall_and_the_second_stage_goes_on_from_there(tmp_path: Path) -> None:
    hints, distil = stage("fitnets", "hints"), stage("fitnets", "distil")
    assert [t.type for t in hints.terms] == [Hidden.id] and distil.start == "previous"
    assert [t.type for t in distil.terms] == ["cross-entropy", "forward-kl"]
    folder = run(tmp_path / "run", "fitnets")
    found = losses_of(folder, "hidden")
    assert len(found) == 3 and found[-1] < found[0]
    assert len(losses_of(folder, "forward-kl")) == 3
    names = load_file(folder / "adapter" / "adapter_model.safetensors")
    assert names and all("lora" in n for n in names)
