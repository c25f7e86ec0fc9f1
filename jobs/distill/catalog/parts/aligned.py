"""Terms between models of different tokenizers, by id."""

from __future__ import annotations

from ...objectives.aligned.alm import LikelihoodMatching
from ...objectives.aligned.dskd import CrossModelAttention, DualSpace
from ...objectives.aligned.hybrid import Hybrid
from ...objectives.aligned.mined import MinEditDistance
from ...objectives.aligned.uld import UniversalLogit
from ...objectives.base import Part

ALIGNED: dict[str, type[Part]] = {
    "alm": LikelihoodMatching,
    "uld": UniversalLogit,
    "hybrid-logit": Hybrid,
    "mined": MinEditDistance,
    "dskd": DualSpace,
    "dskd-cma": CrossModelAttention,
}
