"""Merged layer = base + sum of differences to 1e-6; layer count falls; cosine of outputs above threshold per merge."""

import torch

from tests.jobs.distill import tiny
from tests.jobs.distill.shapes.making import loaded, made

from .shaping import run


def test_a_merged_layer_is_the_base_and_the_sum_of_differences(tmp_path):
    place = tiny.model(tmp_path / "m", 1, layers=6)
    folder, note = made(tmp_path, place, kind="collapse", merged=3, threshold=-1, at_least=4)
    before, after = loaded(place).state_dict(), loaded(folder).state_dict()
    (merge,) = note["measured"]["merges"]
    into, folded = merge["into"], merge["folded"]
    assert len(folded) == 2
    new = note["measured"]["kept_layers"].index(into)
    for name in ("mlp.up_proj.weight", "self_attn.q_proj.weight", "input_layernorm.weight"):
        base = before[f"model.layers.{into}.{name}"]
        wanted = base + sum(before[f"model.layers.{k}.{name}"] - base for k in folded)
        torch.testing.assert_close(after[f"model.layers.{new}.{name}"], wanted, atol=1e-6, rtol=0)


def test_only_merges_above_the_threshold_are_kept(tmp_path):
    place = tiny.model(tmp_path / "m", 1, layers=6)
    _, none = made(tmp_path, place, kind="collapse", threshold=0.999)
    assert none["measured"]["merges"] == [] and none["measured"]["kept_layers"] == list(range(6))
    assert none["measured"]["tried"] > 1
    _, some = made(tmp_path, place, kind="collapse", threshold=0.2)
    assert all(m["cosine"] > 0.2 for m in some["measured"]["merges"]) and len(some["measured"]["kept_layers"]) < 6


def test_a_rejected_merge_leaves_no_trace(tmp_path):
    place = tiny.model(tmp_path / "m", 1, layers=4)
    folder, _ = made(tmp_path, place, kind="collapse", threshold=0.999)
    before, after = loaded(place).state_dict(), loaded(folder).state_dict()
    assert all(torch.equal(after[n], before[n]) for n in before)


def test_the_recipe_heals_the_collapsed_student(tmp_path):
    place, report = run(tmp_path, "laco", {"threshold": 0.0})
    assert report["student_shape"]["parameters"]["after"] < report["student_shape"]["parameters"]["before"]
    assert (place / "adapter" / "adapter_model.safetensors").exists()
