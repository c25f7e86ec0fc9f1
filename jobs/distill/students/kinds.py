"""The kinds of adapters that act inside the backbone, described. Light: which peft class carries one out is a name here.

Options have peft's own names, so that a person who knows peft finds them; rank, alpha and dropout of the recipe are
handed to the kind under the names it has for them.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from ..parts import Described, NoOptions, Options, Paper


class Kind(Described):
    """`config` is peft's class. The three `*_field` names say where rank, alpha and dropout of the recipe go; None: the
    kind has no such setting. `silent`: a fresh adapter changes nothing."""

    kind = "adapter"
    config: ClassVar[str]
    rank_field: ClassVar[str | None] = "r"
    alpha_field: ClassVar[str | None] = None
    dropout_field: ClassVar[str | None] = None
    seed_field: ClassVar[str | None] = None
    fixed: ClassVar[dict[str, Any]] = {}
    silent: ClassVar[bool] = True

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        """Trained numbers for one linear layer; two factors of the rank where a kind does not say otherwise."""
        return rank * (inputs + outputs)


def paper(title: str, authors: str, year: int, arxiv: str | None = None, venue: str = "arXiv") -> Paper:
    return Paper(
        title=title,
        authors=authors,
        year=year,
        venue=venue,
        arxiv=arxiv,
        url=f"https://arxiv.org/abs/{arxiv}" if arxiv else "",
    )


class Lora(Kind):
    id = "lora"
    title = "LoRA"
    summary = "Adds the product of two thin matrices to each target layer."
    when_to_use = "The default: cheap, merges into the base, and understood by every server."
    formula = r"W' = W + \tfrac{\alpha}{r} B A"
    paper = paper(
        "LoRA: Low-Rank Adaptation of Large Language Models",
        "Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang, Chen",
        2021,
        "2106.09685",
        "ICLR 2022",
    )
    config, alpha_field, dropout_field = "LoraConfig", "lora_alpha", "lora_dropout"


class AdaLora(Kind):
    id = "adalora"
    title = "AdaLoRA form"
    summary = "The update as P Λ Q, a singular value decomposition that is learned. The ranks stay as they are."
    when_to_use = (
        "To train singular values apart from directions. The paper's moving of rank between layers is left out."
    )
    formula = r"W' = W + P \Lambda Q"
    paper = paper(
        "AdaLoRA: Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning",
        "Zhang, Chen, Bukharin, Karampatziakis, He, Cheng, Chen, Zhao",
        2023,
        "2303.10512",
        "ICLR 2023",
    )
    config, rank_field, alpha_field, dropout_field = "AdaLoraConfig", "init_r", "lora_alpha", "lora_dropout"
    fixed: ClassVar[dict[str, Any]] = {"total_step": 10**9}  # peft asks for a number; nothing is allocated

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        return rank * (inputs + outputs + 1)


class LoHaOptions(Options):
    rank_dropout: float = Field(0.0, ge=0, lt=1, title="Rank dropout", description="Share of ranks left out a step.")


class LoHa(Kind):
    id = "loha"
    title = "LoHa"
    summary = "The update is the element-wise product of two low-rank products: up to rank r squared."
    when_to_use = "When a rank as high as r squared is wanted for twice LoRA's parameters."
    formula = r"W' = W + (B_1 A_1) \odot (B_2 A_2)"
    paper = paper(
        "FedPara: Low-Rank Hadamard Product for Communication-Efficient Federated Learning",
        "Hyeon-Woo, Ye-Bin, Oh",
        2021,
        "2108.06098",
        "ICLR 2022",
    )
    Options = LoHaOptions
    config, alpha_field, dropout_field = "LoHaConfig", "alpha", "module_dropout"

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        return 2 * rank * (inputs + outputs)


class LoKrOptions(LoHaOptions):
    decompose_factor: int = Field(
        -1, ge=-1, le=4096, title="Factor", description="Size of the first Kronecker factor; -1: as square as it goes."
    )
    decompose_both: bool = Field(False, title="Factor both", description="Make the first factor low-rank too.")


class LoKr(Kind):
    id = "lokr"
    title = "LoKr"
    summary = "The update is a Kronecker product of two small matrices."
    when_to_use = "Very small adapters of high rank."
    formula = r"W' = W + C \otimes (B A)"
    paper = paper(
        "Navigating Text-To-Image Customization: From LyCORIS Fine-Tuning to Model Evaluation",
        "Yeh, Hsieh, Gao, Yang, Oh, Gong",
        2023,
        "2309.14859",
        "ICLR 2024",
    )
    Options = LoKrOptions
    config, alpha_field, dropout_field = "LoKrConfig", "alpha", "module_dropout"


class OftOptions(Options):
    oft_block_size: int = Field(32, ge=2, le=4096, title="Block size", description="Width of a rotated block.")
    coft: bool = Field(False, title="Constrained", description="Keep each rotation near the identity.")
    block_share: bool = Field(False, title="Share blocks", description="One rotation for all blocks of a layer.")


class Oft(Kind):
    id = "oft"
    title = "OFT"
    summary = "Rotates a layer's input block by block; lengths and angles between neurons stay as they are."
    when_to_use = "To stay close to what the base knows."
    formula = r"W' = W R,\quad R^\top R = I"
    paper = paper(
        "Controlling Text-to-Image Diffusion by Orthogonal Finetuning",
        "Qiu, Liu, Feng, Xue, Feng, Liu, Zhang, Weller, Schölkopf",
        2023,
        "2306.07280",
        "NeurIPS 2023",
    )
    Options = OftOptions
    config, rank_field, dropout_field = "OFTConfig", None, "module_dropout"

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        size = options.oft_block_size
        return (1 if options.block_share else max(1, inputs // size)) * size * (size - 1) // 2


class BoftOptions(Options):
    boft_block_size: int = Field(4, ge=2, le=4096, title="Block size", description="Must divide the layer's inputs.")
    boft_n_butterfly_factor: int = Field(
        1, ge=1, le=12, title="Butterfly factors", description="More factors mix more blocks."
    )


class Boft(Kind):
    id = "boft"
    title = "BOFT"
    summary = "OFT with butterfly factors: dense rotations from few parameters."
    when_to_use = "Where OFT's blocks are too separate."
    formula = r"W' = W \prod_i B_i"
    paper = paper(
        "Parameter-Efficient Orthogonal Finetuning via Butterfly Factorization", "Liu, Qiu, Feng et al.", 2023,
        "2311.06243", "ICLR 2024",
    )  # fmt: skip
    Options = BoftOptions
    config, rank_field, dropout_field = "BOFTConfig", None, "boft_dropout"

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        return inputs * options.boft_block_size * options.boft_n_butterfly_factor + outputs


class Ia3(Kind):
    id = "ia3"
    title = "IA3"
    summary = "One learned factor for each output of a layer (each input, in the last layer of the feed-forward part)."
    when_to_use = "The smallest adapters; a few labelled rows."
    formula = r"y = (W x) \odot l"
    paper = paper(
        "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning",
        "Liu, Tam, Muqeeth, Mohta, Huang, Bansal, Raffel",
        2022,
        "2205.05638",
        "NeurIPS 2022",
    )
    config, rank_field = "IA3Config", None

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        return outputs


class VeraOptions(Options):
    d_initial: float = Field(0.1, ge=0, le=10, title="Start of d", description="First value of the inner factors.")


class Vera(Kind):
    id = "vera"
    title = "VeRA"
    summary = "Two random matrices are shared by all layers; each layer learns two vectors of factors."
    when_to_use = "Many adapters on one base: each is tiny. Wants a large rank (256)."
    formula = r"W' = W + \Lambda_b B \Lambda_d A"
    paper = paper(
        "VeRA: Vector-based Random Matrix Adaptation", "Kopiczko, Blankevoort, Asano", 2023, "2310.11454", "ICLR 2024"
    )
    Options = VeraOptions
    config, dropout_field, seed_field = "VeraConfig", "vera_dropout", "projection_prng_key"

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        return rank + outputs


class RandLora(Kind):
    id = "randlora"
    title = "RandLoRA"
    summary = "A learned mixture of random low-rank products: updates of full rank."
    when_to_use = "When low rank itself is the limit. A small rank means more parameters here."
    formula = r"W' = W + \sum_j B_j \Lambda_j A_j \Gamma_j"
    paper = paper(
        "RandLoRA: Full-rank parameter-efficient fine-tuning of large models",
        "Albert, Zhang, Saratchandran, Rodriguez-Opazo, van den Hengel, Abbasnejad",
        2025,
        "2502.00987",
        "ICLR 2025",
    )
    config, alpha_field, dropout_field, seed_field = (
        "RandLoraConfig", "randlora_alpha", "randlora_dropout", "projection_prng_key",
    )  # fmt: skip

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        small = min(inputs, outputs)
        return -(-small // rank) * (rank + small)


class Miss(Kind):
    id = "miss"
    title = "MiSS"
    summary = "One matrix of shards, repeated over the layer; called Bone in its first version."
    when_to_use = "Fast convergence at half of LoRA's parameters. The rank must divide the layer's inputs."
    formula = r"W' = W + \mathrm{expand}(D)"
    paper = paper(
        "MiSS: Revisiting the Trade-off in LoRA with an Efficient Shard-Sharing Structure",
        "Kang, Yin",
        2024,
        "2409.15371",
    )
    config, dropout_field = "MissConfig", "miss_dropout"

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        return rank * outputs


class CloverOptions(Options):
    """Nothing but the singular values is trained; the recipe's rank, alpha and dropout have no meaning here."""


class Clover(Kind):
    id = "clover"
    title = "CLOVER"
    summary = (
        "Takes the product of each head's value and output matrices apart by SVD and trains its singular values alone."
    )
    when_to_use = "The most careful adapter: one number for each direction that attention already uses."
    formula = r"W_O^h W_V^h = U S V^\top,\quad S \to S'"
    paper = paper(
        "CLOVER: Constrained Learning with Orthonormal Vectors for Eliminating Redundancy", "Meng et al.", 2024, "2411.17426")  # fmt: skip
    Options = CloverOptions
    config, rank_field = "LoraConfig", None

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        return inputs


NONE = NoOptions
BlockShape = Literal["road_1", "road_2", "road_4"]
