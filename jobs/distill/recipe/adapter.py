"""The adapter that is trained."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from .base import Strict

AdapterType = Literal[
    "lora", "adalora", "loha", "lokr", "oft", "boft", "ia3", "vera", "randlora", "miss", "fourierft", "waveft", "hra",
    "shira", "c3a", "vblora", "ln_tuning", "road", "delora", "gralora", "hira", "clover",
]  # fmt: skip
Start = Literal["default", "gaussian", "orthogonal", "pissa", "olora", "eva", "corda", "lora_ga", "loftq"]
PROMPTS = (
    "prefix_tuning",
    "prompt_tuning",
    "p_tuning",
    "multitask_prompt_tuning",
)  # peft's kinds that lengthen the input
FROM_ROWS = ("eva", "corda", "lora_ga")  # starts that look at training rows


class Noise(Strict):
    """Random vectors added to the embeddings while the student trains; never when it answers."""

    kind: Literal["uniform", "symmetric"] = Field(
        "uniform",
        title="Kind",
        description="uniform: one random vector a token (NEFTune, arXiv:2310.05914). symmetric: +e and -e in two passes "
        "whose losses are averaged (SymNoise); twice the time.",
    )
    alpha: float = Field(
        5.0,
        ge=0,
        le=1000,
        title="Noise alpha",
        description="No entry is larger than alpha / sqrt(tokens x width). 5 to 15 are usual.",
    )


class Velora(Strict):
    """Keeps a rank-1 projection of each adapted layer's input for the backward instead of the input (arXiv:2405.17991)."""

    groups: int = Field(
        64,
        ge=1,
        le=65_536,
        title="Sub-tokens",
        description="Pieces each token's input is cut into; one number a piece is kept. More is closer and larger.",
    )
    scale: float = Field(
        1.0, gt=0, le=100, title="Scale", description="Multiplies the input that is rebuilt in the backward."
    )


class Adapter(Strict):
    """What is trained beside the frozen student. LoRA: Hu et al. 2021, arXiv:2106.09685."""

    type: AdapterType = Field("lora", title="Kind")
    options: dict[str, Any] = Field(
        default_factory=dict,
        title="Options of the kind",
        description="What this kind of adapter has to set beyond rank.",
    )
    rank: int = Field(
        16,
        ge=1,
        le=1024,
        title="Rank",
        description="Width of the low-rank update. LLM-Neo: larger is better up to the layer's width.",
    )
    alpha: float = Field(32, gt=0, le=8192, title="Alpha", description="The update is scaled by alpha / rank.")
    dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Dropout",
        description="Dropout on the adapter's input. Keep 0 with a divergence: it adds noise to the student's distribution.",
    )
    targets: Literal["all-linear"] | list[str] = Field(
        "all-linear",
        title="Target layers",
        description="all-linear, or names from the model's own linear modules (q_proj, down_proj ...).",
    )
    rslora: bool = Field(
        False, title="rsLoRA", description="Scale by alpha / sqrt(rank): stable at high rank (arXiv:2312.03732)."
    )
    dora: bool = Field(
        False, title="DoRA", description="Learn direction and magnitude apart (arXiv:2402.09353); slower."
    )
    head: bool = Field(
        False,
        title="Adapt the output layer too",
        description="LoRA on lm_head as well: for answers the base would hardly ever say.",
    )
    start: Start = Field(
        "default",
        title="First values",
        description="default: random, and the update is zero. pissa, olora: the base's largest directions. eva, corda: "
        "directions of the rows' activations. lora_ga: directions of the first gradient. loftq: what 4 bits took from the base's "
        "weights. The base itself never changes.",
    )
    start_rows: int = Field(
        32,
        ge=1,
        le=4096,
        title="Rows for the first values",
        description="For eva, corda and lora_ga: labelled training rows.",
    )
    mixer: bool = Field(
        False,
        title="MoSLoRA",
        description="A small trained matrix between the two factors (arXiv:2406.11909); folded away when the adapter is saved.",
    )
    velora: Velora | None = Field(
        None,
        title="VeLoRA",
        description="Keep less of each adapted layer's input for the backward; empty: keep all of it.",
    )
    noise: Noise | None = Field(None, title="Noise on the embeddings", description="NEFTune or SymNoise; empty: none.")
    whole: list[Literal["embeddings", "norms"]] = Field(
        default_factory=list,
        title="Trained whole",
        description="Beside the low-rank update: embeddings, norms, or both. They are saved whole with the adapter "
        "(LongLoRA, arXiv:2309.12307); embeddings are large.",
    )
    shift: int | None = Field(
        None,
        ge=2,
        le=1_048_576,
        title="Attention in groups (tokens)",
        description="While training, a token sees its own group of so many alone, for half of the heads shifted by half a group "
        "(LongLoRA); the student answers with dense attention. Empty: dense. An even number.",
    )
    pruned: float = Field(
        0.0,
        ge=0,
        le=0.9,
        title="Pruned while training",
        description="LoRAM (arXiv:2502.13533): share of each feed-forward layer's units that leave memory during training. "
        "The finished adapter has zeros there and is used with the whole model.",
    )

    @field_validator("type", mode="before")
    @classmethod
    def _acts_inside_the_layers(cls, value: Any) -> Any:
        if value in PROMPTS:
            raise ValueError(
                f"{value} puts trained tokens before the prompt, and the losses here are read at the rows' own tokens; "
                "choose an adapter inside the layers, such as lora"
            )
        return value

    @model_validator(mode="after")
    def _the_parts_fit_together(self) -> Adapter:
        special = [name for name, on in self._special().items() if on]
        if special and self.type != "lora":
            raise ValueError(f"{', '.join(special)}: only for adapters of type lora, not {self.type}")
        exclusive = [name for name in ("dora", "mixer", "velora") if self._special()[name]]
        if self.start in ("pissa", "olora", "corda", "lora_ga", "loftq"):
            exclusive.append(f"start {self.start}")
        if len(exclusive) > 1:
            raise ValueError(f"{' and '.join(exclusive)} cannot be used together; choose one of them")
        if self.shift is not None and self.shift % 2:
            raise ValueError(
                f"shift is {self.shift}; half of the heads are shifted by half a group, so it must be even"
            )
        if self.options:
            self._check_options()
        return self

    def _special(self) -> dict[str, bool]:
        """What only plain LoRA can have."""
        return {
            "rslora": self.rslora, "dora": self.dora, "head": self.head, "start": self.start != "default", "mixer": self.mixer,
            "velora": self.velora is not None, "pruned": self.pruned > 0, "whole": bool(self.whole),
        }  # fmt: skip

    def _check_options(self) -> None:
        from ..catalog.parts.adapters import ADAPTER_KINDS  # here, because the catalogue reads recipes

        model = ADAPTER_KINDS[self.type].Options
        try:
            model.model_validate(self.options)
        except ValidationError as e:
            err = e.errors(include_url=False)[0]
            place = ".".join(map(str, err["loc"]))
            known = ", ".join(model.model_fields) or "none"
            raise ValueError(f"options.{place} of {self.type}: {err['msg']}; its options: {known}") from e
