"""Masks converge to the target shape exactly; domain weights move to domains with loss above reference.

The masks are here; weights of domains belong to the selection by domain gap.
"""

from tests.jobs.distill import tiny
from tests.jobs.distill.shapes.making import loaded, made

from .shaping import run


def test_masks_converge_to_the_target_shape(tmp_path):
    """The expected number of open gates of every kind and layer is the target to half a unit, and the cut model is the target."""
    place = tiny.model(tmp_path / "m", 1, layers=4)
    wanted = {"hidden": 24, "heads": 1, "intermediate": 40, "layers": 3}
    folder, note = made(tmp_path, place, kind="prune_width", score="l0_mask", steps=200, rows=8, **wanted)
    for kind, mask in note["measured"]["masks"].items():
        off = max(abs(e - mask["target"]) for e in mask["expected"])
        assert off < 1 if kind == "hidden" else off < 0.5, kind
    config = loaded(folder).config
    assert config.hidden_size == 24 and config.num_attention_heads == 1 and config.num_key_value_heads == 1
    assert config.intermediate_size == 40 and config.num_hidden_layers == 3


def test_the_recipe_goes_on_training_the_sheared_student(tmp_path):
    place, report = run(tmp_path, "sheared-llama", {"mask_steps": 20}, layers=4, teacher=None)
    assert len(report["student_shape"]["measured"]["kept_layers"]) == 3
    outcome = report["training"]["00-student"]
    assert outcome["last_loss"] < outcome["first_loss"] and (place / "adapter" / "adapter_model.safetensors").exists()
