"""Memory by part, in bytes, for the phase of a run that needs most; and the micro-batch that fits.

Phases do not overlap: a teacher that writes answers or whose signals are recorded has left before the student trains.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..recipe import Train
from . import room
from .case import Case
from .facts import ModelFacts
from .result import MemoryPart
from .words import size

MiB = 2**20
# Room that is ours: GPUs fragment, a CPU's memory is shared with everything else on the machine.
USABLE = {"cuda": 0.9, "cpu": 0.8}
PROCESS = {"cuda": 700 * MiB, "cpu": 450 * MiB}  # torch and transformers loaded, CUDA context included
HEAD_COPIES = 6  # live fp32 copies of one [chunk, vocabulary] block
HEAD_BUDGET = 512 * MiB
HEAD_ROWS = 16  # a chunk never has fewer
SIGNAL_BYTES = 6  # an id (int32) and a logit (fp16)
ADAM = 12  # bytes an adapter parameter: gradient and two moments, fp32
CPU_TOKENS = 4096  # tokens a forward on CPU: larger micro-batches are no faster there


@dataclass(frozen=True)
class Load:
    """What one training stage holds: its micro-batch, whether the teacher runs beside it, whether signals are read."""

    micro_batch: int
    online: bool
    recorded_k: int = 0
    teachers: tuple[str, ...] = ("teacher",)  # models that run beside who learns, where they do
    learner: str = "student"
    stage: Train | None = None  # whose rows and terms need room of their own


BITS = 4 + 8 / 64 + 32 / (64 * 256)  # of a weight in 4 bits: 8 for each block of 64, 32 for 256 blocks


def weight_bytes(case: Case, who: str, model: ModelFacts, pruned: int = 0) -> int:
    """Bytes of a model's weights as the recipe loads them, without `pruned` of them; in 4 bits the linear layers alone, and
    beside them the largest one as it is written out for its product."""
    dtype, quantise = _asked(case, who)
    width = dtype_bytes(case, dtype)
    if quantise == "none":
        from .placement import held_bytes  # here: it estimates with this module

        return held_bytes(case, who, model, (model.parameters - pruned) * width)
    inside = sum(m.inputs * m.outputs * m.count for m in model.linears)
    largest = max((m.inputs * m.outputs for m in model.linears), default=0)
    return int(inside * BITS / 8) + (model.parameters - inside + largest) * width


def _asked(case: Case, who: str) -> tuple[str, str]:
    """(dtype, quantise) as the recipe has them for a model; `base` is the student before training."""
    reference = case.recipe.model("student" if who == "base" else who)
    return (reference.dtype, reference.quantise) if reference else ("auto", "none")


def dtype_bytes(case: Case, asked: str) -> int:
    """Bytes of a weight as it is loaded."""
    if asked == "auto":
        return 2 if case.facts.device.kind == "cuda" and case.facts.device.bfloat16 else 4
    return 4 if asked == "float32" else 2


def train_parts(case: Case, load: Load) -> list[MemoryPart]:
    """Memory of a training stage, largest question first: what stands in the weights, what grows with the micro-batch."""
    student, learner = case.student, case.model(load.learner) or case.student
    named = {n: m for n in load.teachers if n != load.learner and (m := case.model(n))} if load.online else {}
    tokens = int(load.micro_batch * _long_row(case))
    supervised = int(load.micro_batch * case.answer_tokens) + 1
    width = dtype_bytes(case, case.recipe.student.dtype)
    adapter = case.recipe.student.adapter
    parts = {"student weights": weight_bytes(case, "student", student, _pruned_away(student, adapter.pruned))}
    if learner is not student:
        parts[f"{load.learner} weights"] = weight_bytes(case, load.learner, learner)
    for name in [n for n in named if case.places.get(n) == "own"]:  # elsewhere but for what the head pass reads
        away = named.pop(name)
        parts[f"{name} output layer"] = away.vocab_rows * away.hidden_size * dtype_bytes(case, _asked(case, name)[0])
        parts["teacher states"] = 2 * supervised * away.hidden_size * width  # of this micro-batch and the next
    for name, model in named.items():
        parts[f"{name} weights"] = weight_bytes(case, name, model)
    parts["adapter"] = case.adapter_parameters * 4
    parts["optimizer"] = case.adapter_parameters * ADAM
    kept = activation_bytes(learner, width, adapter.rank, adapter.velora.groups if adapter.velora else None)
    passes = 2 if adapter.noise and adapter.noise.kind == "symmetric" else 1  # both forwards wait for one backward
    parts["activations"] = tokens * kept * passes
    if named:  # one after the other: the widest forward, and the states of each
        parts["activations"] += tokens * max(forward_bytes(m, width) for m in named.values())
        parts["activations"] += supervised * sum(m.hidden_size for m in named.values()) * 4
    parts["head chunk"] = head_bytes(case, supervised)
    if load.recorded_k:
        voices = max(1, len(load.teachers))
        parts["signals"] = voices * 2 * supervised * (load.recorded_k * SIGNAL_BYTES + 8)
    if load.stage is not None:
        parts |= room.of_stage(case, load.stage, learner, width)
    return _parts(case, parts)


def teacher_parts(case: Case, batch: int, new_tokens: int = 0) -> list[MemoryPart]:
    """Memory of a phase in which the teacher works alone: writing answers (with its key-value cache) or being recorded."""
    return alone_parts(case, case.teacher, "teacher", batch, new_tokens) if case.teacher else []


def evaluation_parts(case: Case, batch: int) -> list[MemoryPart]:
    """Memory of the larger of the two models while it writes answers for the score."""
    new = case.recipe.evaluation.max_new_tokens
    student = alone_parts(case, case.student, "student", batch, new)
    return max(student, teacher_parts(case, batch, new), key=total)


def alone_parts(
    case: Case, model: ModelFacts, who: str, batch: int, new_tokens: int, shaped: bool = True
) -> list[MemoryPart]:
    """One model without gradients, by what stages call it; not `shaped`: the whole files a shape is made of."""
    width = dtype_bytes(case, _asked(case, who)[0])
    tokens = int(batch * min(_long_row(case) + new_tokens, case.page))
    cache = (
        tokens * model.layers * 2 * model.kv_heads * (model.hidden_size // max(1, model.heads)) * width
        if new_tokens
        else 0
    )
    parts = {
        f"{who} weights": weight_bytes(case, who, model) if shaped else model.parameters * width,
        "activations": tokens * forward_bytes(model, width) + cache,
        "head chunk": batch * model.vocab_rows * 4 * 2
        if new_tokens
        else head_bytes(case, int(batch * case.answer_tokens) + 1),
    }
    return _parts(case, parts)


def activation_bytes(model: ModelFacts, width: int, rank: int, groups: int | None = None) -> int:
    """Kept for the backward, a token: the input of every linear layer (LoRA's gradients need it; with VeLoRA one number of
    each of its `groups`), the attention's inputs and output, two norms, the residual stream, and the activation function's
    input and output. A token of an encoder-decoder passes one of its two stacks, so about half of that."""
    hidden, inner = model.hidden_size, model.intermediate_size
    inputs = sum((m.inputs if groups is None else min(groups, m.inputs)) * m.count for m in model.linears)
    linears = inputs + sum(m.count for m in model.linears) * rank
    rest = model.every_layer * (8 * hidden + 3 * inner)
    return (linears + rest) * width // (2 if model.apart else 1)


def _pruned_away(model: ModelFacts, share: float) -> int:
    """Weights of the feed-forward units that LoRAM takes out of memory while it trains."""
    units = sum(
        m.inputs * m.outputs * m.count for m in model.linears if m.name in ("gate_proj", "up_proj", "down_proj")
    )
    return int(share * units)


def forward_bytes(model: ModelFacts, width: int) -> int:
    """Held during a forward without gradients, a token: one layer's work."""
    return (6 * model.hidden_size + 3 * model.intermediate_size) * width


def head_bytes(case: Case, supervised: int) -> int:
    """The chunked head pass: as many rows a chunk as the budget allows, never a [rows, vocabulary] tensor of the batch."""
    row = _widest(case) * 4 * HEAD_COPIES
    return row * max(HEAD_ROWS, min(HEAD_BUDGET // row, supervised))


def _widest(case: Case) -> int:
    """Ids of the output layer that decides a chunk's size: the teacher's own where it reads its own tokens."""
    apart = case.teacher and not case.same_vocabulary and any(case.needs(s, "aligned") for _, s in case.trains)
    return max(case.vocabulary, case.teacher.tokenizer.vocab_size if apart and case.teacher else 0)


def total(parts: list[MemoryPart]) -> int:
    return sum(p.bytes for p in parts)


def usable(case: Case) -> int:
    """Bytes a run may use on the device; 0: unknown."""
    return int(case.facts.device.memory_bytes * USABLE.get(case.facts.device.kind, 0.8))


def choose_micro_batch(case: Case, stage: Train, parts_at: Callable[[int], list[MemoryPart]]) -> tuple[int, str]:
    """Largest micro-batch worth having that fits, with the reason; 1 when nothing fits (a rule then refuses)."""
    room, micro, reason = usable(case), stage.batch_size, "the rows of a step fit into one forward"
    useful = max(1, int(CPU_TOKENS / max(1.0, _long_row(case))))
    if case.facts.device.kind == "cpu" and useful < micro:
        micro, reason = (
            _power_of_two(useful),
            f"about {CPU_TOKENS:,} tokens a forward keep the processor busy; more would only need memory",
        )
    if (fits := fitting(case, micro, parts_at)) < micro:
        micro, reason = fits, f"the largest that fits into {size(room)} of the device's memory"
    return micro, reason


def fitting(case: Case, batch: int, parts_at: Callable[[int], list[MemoryPart]]) -> int:
    """`batch` where it fits, else the largest power of two that does; 1 when nothing fits."""
    room = usable(case)
    while room and batch > 1 and total(parts_at(batch)) > room:
        batch = _power_of_two(batch - 1)
    return batch


def _power_of_two(n: int) -> int:
    """The largest power of two that is not above n."""
    return 1 << (max(1, n).bit_length() - 1)


def _long_row(case: Case) -> float:
    """A micro-batch is as wide as its rows: length buckets keep them alike, so the long ones set the peak."""
    return min(max(case.lengths.longest, case.row_tokens), case.page)


def _parts(case: Case, parts: dict[str, int]) -> list[MemoryPart]:
    parts["other"] = PROCESS.get(case.facts.device.kind, PROCESS["cpu"])
    return [MemoryPart(name=name, bytes=int(n)) for name, n in parts.items()]
