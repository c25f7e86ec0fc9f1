"""Kinds of adapters in other bases: frequencies, reflections, sparse entries, vector banks, norms. Described, light."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options
from .kinds import BlockShape, Kind, paper


class FourierOptions(Options):
    n_frequency: int = Field(1000, ge=1, le=10**7, title="Frequencies", description="Coefficients learned a layer.")
    scaling: float = Field(150.0, gt=0, le=10**6, title="Scale", description="Multiplies the update.")


class FourierFT(Kind):
    id = "fourierft"
    title = "FourierFT"
    summary = "Learns a few Fourier coefficients of the update."
    when_to_use = "A thousand numbers a layer, whatever the layer's size."
    formula = r"W' = W + \alpha\,\mathrm{Re}\,\mathcal{F}^{-1}(F)"
    paper = paper(
        "Parameter-Efficient Fine-Tuning with Discrete Fourier Transform",
        "Gao, Wang, Chen, Liu, Wu, Chen, Li",
        2024,
        "2405.03003",
        "ICML 2024",
    )
    Options = FourierOptions
    config, rank_field, seed_field = "FourierFTConfig", None, "random_loc_seed"
    fixed: ClassVar[dict[str, Any]] = {"init_weights": True}

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        return int(options.n_frequency)


class WaveOptions(Options):
    n_frequency: int = Field(2592, ge=1, le=10**7, title="Coefficients", description="Wavelet coefficients a layer.")
    scaling: float = Field(25.0, gt=0, le=10**6, title="Scale", description="Multiplies the update.")


class WaveFT(Kind):
    id = "waveft"
    title = "WaveFT"
    summary = "Learns a few wavelet coefficients of the update."
    when_to_use = "As FourierFT, with finer control over where in the layer the update acts."
    formula = r"W' = W + \alpha\,\mathrm{IDWT}(C)"
    paper = paper(
        "Exploring Sparsity for Parameter Efficient Fine Tuning Using Wavelets", "Bilican et al.", 2025, "2506.12532"
    )
    Options = WaveOptions
    config, rank_field, seed_field = "WaveFTConfig", None, "random_loc_seed"

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        return int(options.n_frequency)


class HraOptions(Options):
    apply_GS: bool = Field(False, title="Gram-Schmidt", description="Make the reflections orthogonal to each other.")


class Hra(Kind):
    id = "hra"
    title = "HRA"
    summary = "A chain of Householder reflections of a layer's input."
    when_to_use = "Orthogonal like OFT, low-rank like LoRA. The rank must be even: then a fresh chain changes nothing."
    formula = r"W' = W \prod_i (I - u_i u_i^\top)"
    paper = paper(
        "Bridging The Gap between Low-rank and Orthogonal Adaptation via Householder Reflection Adaptation",
        "Yuan, Liu, Xu",
        2024,
        "2405.17484",
        "NeurIPS 2024",
    )
    Options = HraOptions
    config = "HRAConfig"

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        return rank * inputs


class Shira(Kind):
    id = "shira"
    title = "SHiRA"
    summary = "Trains a sparse random choice of a layer's own entries, as many as LoRA of this rank has."
    when_to_use = "Adapters that are switched or added together often: they hardly overlap."
    formula = r"W' = W + M \odot \Delta"
    paper = paper("Sparse High Rank Adapters", "Bhardwaj et al.", 2024, "2406.13175", "NeurIPS 2024")
    config, seed_field = "ShiraConfig", "random_seed"


class C3aOptions(Options):
    block_size: int = Field(
        256, ge=1, le=65_536, title="Block size", description="Must divide the layer's inputs and outputs."
    )


class C3a(Kind):
    id = "c3a"
    title = "C3A"
    summary = "Blocks of circular convolutions: high rank from few numbers, through the FFT."
    when_to_use = "Small adapters of high rank; the block size must divide every target layer's sides."
    formula = r"W' = W + \mathrm{circ}(w)"
    paper = paper("Parameter-Efficient Fine-Tuning via Circular Convolution", "Chen et al.", 2024, "2407.19342")
    Options = C3aOptions
    config, rank_field = "C3AConfig", None
    fixed: ClassVar[dict[str, Any]] = {"init_weights": True}

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        return inputs * outputs // int(options.block_size)


class VbLoraOptions(Options):
    num_vectors: int = Field(256, ge=2, le=65_536, title="Vectors", description="Size of the shared bank.")
    vector_length: int = Field(
        256, ge=1, le=65_536, title="Vector length", description="Must divide the layers' sides."
    )
    topk: int = Field(2, ge=1, le=16, title="Chosen", description="Vectors mixed for each piece.")


class VbLora(Kind):
    id = "vblora"
    title = "VB-LoRA"
    summary = "LoRA whose factors are mixed from one bank of vectors that all layers share."
    when_to_use = "Extremely small stored adapters. A fresh one changes the base a little."
    formula = r"A, B = \sum_{k \in \mathrm{top}} w_k v_k"
    paper = paper(
        "VB-LoRA: Extreme Parameter Efficient Fine-Tuning with Vector Banks",
        "Li, Han, Ji",
        2024,
        "2405.15179",
        "NeurIPS 2024",
    )
    Options = VbLoraOptions
    config, dropout_field = "VBLoRAConfig", "vblora_dropout"
    silent = False

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        return rank * (inputs + outputs) // int(options.vector_length) * int(options.num_vectors)


class LnTuning(Kind):
    id = "ln_tuning"
    title = "Norm tuning"
    summary = "Trains the layer norms alone. The target layers of the recipe have no meaning here."
    when_to_use = "A change of style or format, with almost no parameters."
    formula = r"y = \gamma' \odot \mathrm{norm}(x)"
    paper = paper(
        "Tuning LayerNorm in Attention: Towards Efficient Multi-Modal LLM Finetuning",
        "Zhao, Tu, Wei, Mei, Xie",
        2023,
        "2312.11420",
        "ICLR 2024",
    )
    config, rank_field = "LNTuningConfig", None

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        return 0


class RoadOptions(Options):
    variant: BlockShape = Field(
        "road_1", title="Variant", description="road_1, road_2 and road_4 share 4, 2 or no numbers."
    )
    group_size: int = Field(64, ge=2, le=65_536, title="Group size", description="Must divide the layer's outputs.")


class Road(Kind):
    id = "road"
    title = "RoAd"
    summary = "Rotates and stretches pairs of a layer's outputs."
    when_to_use = "Tiny adapters that can be mixed in one batch."
    formula = r"y = R(\theta, \alpha) W x"
    paper = paper(
        "3-in-1: 2D Rotary Adaptation for Efficient Finetuning, Efficient Batching and Composability",
        "Liao, Monz",
        2024,
        "2409.00119",
    )
    Options = RoadOptions
    config, rank_field = "RoadConfig", None

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        return outputs * {"road_1": 1, "road_2": 2, "road_4": 4}[options.variant]


class DeLoraOptions(Options):
    delora_lambda: int = Field(15, ge=1, le=10_000, title="Strength", description="Bound of the update's length.")


class DeLora(Kind):
    id = "delora"
    title = "DeLoRA"
    summary = "LoRA with directions and strength apart: the update's length is bounded."
    when_to_use = "When the learning rate is hard to choose."
    formula = r"W' = W + \tfrac{\lambda \lVert W \rVert}{r} B\,\Xi A"
    paper = paper(
        "Decoupling Angles and Strength in Low-rank Adaptation",
        "Bini, Girrbach, Akata",
        2025,
        "2503.18225",
        "ICLR 2025",
    )
    Options = DeLoraOptions
    config, dropout_field = "DeloraConfig", "module_dropout"

    @classmethod
    def parameters(cls, inputs: int, outputs: int, rank: int, options: Any) -> int:
        return rank * (inputs + outputs) + 1


class GraLoraOptions(Options):
    gralora_k: int = Field(
        2, ge=1, le=64, title="Blocks a side", description="Must divide the rank and the layer's sides."
    )
    hybrid_r: int = Field(0, ge=0, le=1024, title="Plain rank", description="Part of the rank that is ordinary LoRA.")


class GraLora(Kind):
    id = "gralora"
    title = "GraLoRA"
    summary = "LoRA on each block of a layer apart."
    when_to_use = "High ranks, where plain LoRA stops improving."
    formula = r"\Delta W_{ij} = B_{ij} A_{ij}"
    paper = paper(
        "GraLoRA: Granular Low-Rank Adaptation for Parameter-Efficient Fine-Tuning", "Jung et al.", 2025, "2505.20355"
    )
    Options = GraLoraOptions
    config, alpha_field, dropout_field = "GraloraConfig", "alpha", "gralora_dropout"


class Hira(Kind):
    id = "hira"
    title = "HiRA"
    summary = "The base's own weights times a low-rank product, entry by entry: an update of high rank."
    when_to_use = "Harder tasks at LoRA's size."
    formula = r"W' = W \odot (1 + B A)"
    paper = paper(
        "HiRA: Parameter-Efficient Hadamard High-Rank Adaptation for Large Language Models",
        "Huang et al.",
        2025,
        None,
        "ICLR 2025",
    )
    config, dropout_field = "HiraConfig", "hira_dropout"
