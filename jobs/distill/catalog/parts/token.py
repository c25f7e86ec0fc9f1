"""Token terms: a number a position from one chunk of the output layer, by id."""

from __future__ import annotations

from ...objectives.adaptive_kl import AdaptiveKL
from ...objectives.alpha_beta import AlphaBeta
from ...objectives.base import Part
from ...objectives.confidence_penalty import ConfidencePenalty
from ...objectives.cross_entropy import CrossEntropy
from ...objectives.forward_kl import ForwardKL
from ...objectives.interpolated import Interpolated
from ...objectives.jsd import GeneralisedJSD
from ...objectives.label_mix import LabelMix
from ...objectives.reverse_kl import ReverseKL
from ...objectives.reverse_skew_kl import ReverseSkewKL
from ...objectives.skew_kl import SkewKL
from ...objectives.tvd import TotalVariation
from ...objectives.z_loss import ZLoss

TOKEN: dict[str, type[Part]] = {
    "cross-entropy": CrossEntropy,
    "forward-kl": ForwardKL,
    "reverse-kl": ReverseKL,
    "jsd": GeneralisedJSD,
    "skew-kl": SkewKL,
    "reverse-skew-kl": ReverseSkewKL,
    "label-mix": LabelMix,
    "tvd": TotalVariation,
    "alpha-beta": AlphaBeta,
    "adaptive-kl": AdaptiveKL,
    "interpolated-kl": Interpolated,
    "z-loss": ZLoss,
    "confidence-penalty": ConfidencePenalty,
}
