"""What the compiler must know: facts about models, data and device, gathered by limited children and stored as JSON.

Light: no torch. `python -m jobs.distill inspect FOLDER` prints ModelFacts, `... profile` DataFacts, `... device` DeviceFacts.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr


class Fact(BaseModel):
    """Tolerates fields of newer versions: facts are measured, never typed by people."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TokenizerFacts(Fact):
    vocab_sha256: str = Field(
        description="Hash of the sorted token -> id map, added tokens included: equal maps, equal hash."
    )
    vocab_size: int = Field(description="Number of ids in use (largest id + 1), not the padded embedding rows.")
    special: dict[str, int] = Field(default_factory=dict, description="Special token text -> id.")
    bos_id: int | None = None
    eos_ids: list[int] = []
    pad_id: int | None = None
    template_sha256: str | None = Field(None, description="Hash of the chat template; None: the model has none.")
    adds_bos: bool = False


class LinearFacts(Fact):
    """Linear modules of one name, e.g. q_proj: all layers have the same shape."""

    name: str
    inputs: int
    outputs: int
    count: int


class ModelFacts(Fact):
    name: str
    source: str = Field("folder", description="sample | folder | hub | upload")
    revision: str | None = None
    sha256: str | None = Field(None, description="Manifest hash of the model's files.")
    model_type: str
    architecture: str
    kind: Literal["causal", "encoder-decoder", "encoder"] = Field(
        "causal", description="One stack that writes; one that reads and one that writes; one that only reads."
    )
    hidden_size: int
    layers: int = Field(description="Of the stack that writes; of an encoder its own.")
    encoder_layers: int = Field(0, description="Of an encoder-decoder's encoder.")
    heads: int
    kv_heads: int
    intermediate_size: int
    vocab_rows: int = Field(description="Rows of the embedding matrix, padding included.")
    context: int
    positions: str = Field(
        "default", description="How config.json scales rotary positions already: default, llama3, yarn ..."
    )
    tied: bool
    parameters: int
    weight_bytes: int
    dtype: str
    linears: list[LinearFacts] = []
    tokenizer: TokenizerFacts
    licence: str | None = None
    notes: list[str] = []

    @property
    def apart(self) -> bool:
        """Whether prompt and answer go through stacks of their own, each with its own limit of tokens."""
        return self.kind == "encoder-decoder"

    @property
    def every_layer(self) -> int:
        """Layers of all stacks."""
        return self.layers + self.encoder_layers


class DataFacts(Fact):
    sha256: str
    rows: int
    labelled: int
    unlabelled: int
    train: int
    heldout: int
    prompt_lengths: dict[str, list[int]] = Field(
        default_factory=dict,
        description="tokenizer vocab_sha256 -> token count of every row's prompt (at most 20,000 rows sampled).",
    )
    answer_lengths: dict[str, list[int]] = Field(
        default_factory=dict, description="the same for answers; 0 where unlabelled."
    )
    distinct_answers: int = 0
    longest_answer_chars: int = 0
    extras: dict[str, int] | None = Field(
        None, description="Rows that carry rejected, ranked, ... ; None: they were not counted."
    )
    # What the compiler works out from the lengths, by tokenizer: the same for every method that is compared.
    _worked_out: dict[str, Any] = PrivateAttr(default_factory=dict)


class DeviceFacts(Fact):
    kind: str = Field("cpu", description="cpu | cuda")
    name: str = "CPU"
    count: int = 1
    memory_bytes: int = 0
    cores: int = 1
    bfloat16: bool = False
    four_bit: bool | None = Field(None, description="Whether weights can be held in 4 bits there; None: not known.")
    flops: float = Field(
        2e10, description="Measured matmul rate, floating-point operations per second, in the training dtype."
    )


class SignalFacts(Fact):
    """Recorded signals at hand for this teacher and these rows."""

    rows: int = 0
    of: int = 0
    bytes: int = 0


class EndpointFacts(Fact):
    """A teacher behind an address: no files, no tokenizer. Prices are for a million tokens; speeds as last tested."""

    key: str
    title: str
    model: str
    context: int | None = None
    logprobs: int = 0
    concurrency: int = 1
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    price_in: float = 0.0
    price_out: float = 0.0
    currency: str = "USD"
    outputs: Literal["yes", "terms", "limited", "no", "unknown"] = "unknown"
    licence: str | None = None
    seconds: float | None = Field(None, description="Of a question whose answer is one word.")
    tokens_per_second: float | None = Field(None, description="Of one answer, alone.")


class Facts(Fact):
    student: ModelFacts
    teacher: ModelFacts | None = None
    teachers: dict[str, ModelFacts] = Field(default_factory=dict, description="Further teachers by name.")
    endpoints: dict[str, EndpointFacts] = Field(
        default_factory=dict,
        description="Teachers behind an address, by what stages call them; they are in no other field.",
    )
    data: DataFacts
    device: DeviceFacts = DeviceFacts()
    signals: SignalFacts = SignalFacts()
