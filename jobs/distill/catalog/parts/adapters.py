"""Kinds of adapters, by id. What peft offers beyond them is left out with a reason: prompt kinds change the input instead
of the backbone, and some kinds need code of their own in the training loop."""

from __future__ import annotations

from ...parts import Described
from ...students.kinds import AdaLora, Boft, Clover, Ia3, Kind, LoHa, LoKr, Lora, Miss, Oft, RandLora, Vera
from ...students.more_kinds import (
    C3a,
    DeLora,
    FourierFT,
    GraLora,
    Hira,
    Hra,
    LnTuning,
    Road,
    Shira,
    VbLora,
    WaveFT,
)  # fmt: skip

ADAPTER_KINDS: dict[str, type[Kind]] = {
    kind.id: kind
    for kind in (
        Lora, AdaLora, LoHa, LoKr, Oft, Boft, Ia3, Vera, RandLora, Miss, FourierFT, WaveFT, Hra, Shira, C3a, VbLora,
        LnTuning, Road, DeLora, GraLora, Hira, Clover,
    )
}  # fmt: skip

ADAPTERS: dict[str, type[Described]] = dict(ADAPTER_KINDS)
