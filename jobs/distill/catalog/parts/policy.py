"""Policy-gradient terms on the student's own answers, by id."""

from __future__ import annotations

from ...objectives.base import Part
from ...objectives.policy.kl_estimate import KLEstimate
from ...objectives.policy.minillm import MiniLLM
from ...objectives.policy.on_policy_kd import EarlyOnPolicyKD, OnPolicyKD
from ...objectives.policy.policy_gradient import PolicyGradient
from ...objectives.policy.trust_region import TrustRegion

POLICY: dict[str, type[Part]] = {
    "policy-gradient": PolicyGradient,
    "on-policy-kd": OnPolicyKD,
    "iw-on-policy-kd": EarlyOnPolicyKD,
    "minillm": MiniLLM,
    "kl-estimate": KLEstimate,
    "trust-region-ratio": TrustRegion,
}
