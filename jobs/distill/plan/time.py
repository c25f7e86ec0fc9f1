"""Seconds and tokens by stage, from floating-point operations and the device's measured rate. An estimate, and said to be one.

A forward costs 2 operations a weight and token; a backward through frozen layers 2 more (gradients of the inputs only);
the adapter 6 a parameter and token; the head only at supervised positions. Attention adds 2 * length * width a layer and token.
A token of an encoder-decoder passes one of its two stacks: it is counted with half of the weights.
"""

from __future__ import annotations

from .case import Case
from .facts import DeviceFacts, ModelFacts

# Share of the measured matmul rate that a training step reaches, and seconds a layer costs whatever its size. On CPU they
# give the three measured passes of the sample pair (answers 38 s, signals 23 s, 939 steps 73 s on one core) within 1.4 times;
# the CUDA figures are assumptions.
EFFICIENCY = {"cpu": 0.5, "cuda": 0.4}
OVERHEAD = {"cpu": 1.5e-4, "cuda": 1.2e-4}
BANDWIDTH = {"cpu": 1e10, "cuda": 1.5e12}  # bytes a second at which decoding reads the weights
LOAD = {"cpu": 6.0, "cuda": 15.0}  # start of the process, models read from disk
ELEMENTWISE = 30  # operations an entry of [positions, vocabulary] for softmax and divergence


def seconds(flops: float, layer_passes: float, device: DeviceFacts) -> float:
    """Time of this much arithmetic in this many passes through a layer."""
    kind = device.kind if device.kind in EFFICIENCY else "cpu"
    return flops / max(1.0, device.flops * EFFICIENCY[kind]) + layer_passes * OVERHEAD[kind]


def forward_flops(model: ModelFacts, tokens: float, length: float) -> float:
    """Through the layers, without the head."""
    passed = layer_weights(model) / (2 if model.apart else 1)
    return tokens * (2.0 * passed + 2.0 * length * model.hidden_size * model.layers)


def head_flops(model: ModelFacts, positions: float, vocabulary: int) -> float:
    return positions * vocabulary * (2.0 * model.hidden_size + ELEMENTWISE)


def layer_weights(model: ModelFacts) -> int:
    """Weights of the linear layers; estimated from the parameters when the facts do not list them."""
    listed = sum(m.inputs * m.outputs * m.count for m in model.linears)
    return listed or max(1, model.parameters - model.vocab_rows * model.hidden_size)


def train_seconds(case: Case, rows: float, micro_batch: int, *, online: bool) -> float:
    """Time to learn from this many rows (counted as often as they are seen)."""
    tokens, positions, length = rows * case.row_tokens, rows * case.answer_tokens, case.row_tokens
    student, passes = case.student, rows / max(1, micro_batch)
    flops = (
        2 * forward_flops(student, tokens, length)
        + 6.0 * case.adapter_parameters * tokens
        + 2 * head_flops(student, positions, case.vocabulary)
    )
    layers = 3.0 * student.every_layer * passes
    if online and case.teacher:
        flops += forward_flops(case.teacher, tokens, length) + head_flops(case.teacher, positions, case.vocabulary)
        layers += case.teacher.every_layer * passes
    return seconds(flops, layers, case.facts.device)


def reward_seconds(case: Case, model: ModelFacts, rows: float, micro_batch: int) -> float:
    """Time to train a reward model on this many answers: layers and adapter, forward and backward, without an output layer."""
    tokens = rows * case.row_tokens
    flops = 2 * forward_flops(model, tokens, case.row_tokens) + 6.0 * case.adapter_parameters * tokens
    return seconds(flops, 3.0 * model.every_layer * rows / max(1, micro_batch), case.facts.device)


def read_seconds(case: Case, model: ModelFacts, rows: float, batch: int) -> float:
    """Time of one forward through the layers alone."""
    flops = forward_flops(model, rows * case.row_tokens, case.row_tokens)
    return seconds(flops, model.every_layer * rows / max(1, batch), case.facts.device)


def score_seconds(case: Case, model: ModelFacts, rows: float, batch: int) -> float:
    """Time of one forward over the rows with the head at supervised positions: recording signals."""
    flops = forward_flops(model, rows * case.row_tokens, case.row_tokens) + head_flops(
        model, rows * case.answer_tokens, case.vocabulary
    )
    return seconds(flops, model.every_layer * rows / max(1, batch), case.facts.device)


def generate_seconds(case: Case, model: ModelFacts, rows: float, new_tokens: float, batch: int) -> float:
    """Time to write answers: the prompts at once, then token by token, where reading the weights is what takes time."""
    device, prompt = case.facts.device, max(1.0, case.lengths.mean_prompt)
    batches = rows / max(1, min(batch, max(1.0, rows)))
    flops = forward_flops(model, rows * (prompt + new_tokens), prompt + new_tokens) + head_flops(
        model, rows * new_tokens, model.vocab_rows
    )
    kind = device.kind if device.kind in BANDWIDTH else "cpu"
    reading = batches * new_tokens * model.weight_bytes / BANDWIDTH[kind]
    return seconds(flops, batches * (new_tokens + 1) * model.layers, device) + reading
