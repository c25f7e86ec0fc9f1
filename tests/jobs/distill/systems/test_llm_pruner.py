"""Coupled dims removed together (shape check on all linked matrices); LoRA recovery lowers perplexity; export reloads."""

from .shaping import healed, nats, plain, run


def test_linked_matrices_shrink_together_and_lora_recovers_the_loss(tmp_path):
    options = {"heads_share": 0.5, "mlp_share": 0.75, "rows": 8}
    place, _ = run(tmp_path, "llm-pruner", options, steps=12, layers=2, teacher=None)
    pruned = plain(place / "student")
    for layer in pruned.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        heads = {m.weight.shape[0] for m in (attention.q_proj, attention.k_proj, attention.v_proj)}
        assert heads == {attention.o_proj.weight.shape[1]} == {16}
        assert mlp.gate_proj.weight.shape == mlp.up_proj.weight.shape == mlp.down_proj.weight.T.shape == (48, 32)
    assert nats(healed(place), place / "student", place) < nats(pruned, place / "student", place)
