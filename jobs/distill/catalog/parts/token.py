"""Token terms: a number a position from one chunk of the output layer, by id."""

from __future__ import annotations

from ...objectives.adaptive_kl import AdaptiveKL
from ...objectives.alpha_beta import AlphaBeta
from ...objectives.base import Part
from ...objectives.clipped_kl import ClippedKL
from ...objectives.confidence_penalty import ConfidencePenalty
from ...objectives.cross_entropy import CrossEntropy
from ...objectives.dkd import Decoupled
from ...objectives.dpkd import PreferTeacher
from ...objectives.earth_mover import EarthMover, EarthMoverLabel
from ...objectives.forward_kl import ForwardKL
from ...objectives.interpolated import Interpolated
from ...objectives.jsd import GeneralisedJSD
from ...objectives.label_mix import LabelMix
from ...objectives.mft import Corrected
from ...objectives.reverse_kl import ReverseKL
from ...objectives.reverse_skew_kl import ReverseSkewKL
from ...objectives.self_evolution import SelfEvolution
from ...objectives.skew_kl import SkewKL
from ...objectives.symmetric_kl import SymmetricKL
from ...objectives.topk_ce import TopKCrossEntropy
from ...objectives.tvd import TotalVariation
from ...objectives.z_loss import ZLoss

TOKEN: dict[str, type[Part]] = {
    "cross-entropy": CrossEntropy,
    "forward-kl": ForwardKL,
    "reverse-kl": ReverseKL,
    "symmetric-kl": SymmetricKL,
    "jsd": GeneralisedJSD,
    "skew-kl": SkewKL,
    "reverse-skew-kl": ReverseSkewKL,
    "label-mix": LabelMix,
    "tvd": TotalVariation,
    "alpha-beta": AlphaBeta,
    "adaptive-kl": AdaptiveKL,
    "interpolated-kl": Interpolated,
    "clipped-kl": ClippedKL,
    "dkd": Decoupled,
    "mft": Corrected,
    "self-evolution": SelfEvolution,
    "dpkd-token": PreferTeacher,
    "earth-mover": EarthMover,
    "earth-mover-label": EarthMoverLabel,
    "top-k-cross-entropy": TopKCrossEntropy,
    "z-loss": ZLoss,
    "confidence-penalty": ConfidencePenalty,
}
