"""The plan compiler: recipe + facts -> plan, or refusals that say why. Light: no torch.

    compile(recipe, facts) -> Plan      the same answer for page, API, command line and worker
    pairing(student, teacher) -> Verdict    before there is a dataset

Facts come from models.inspect, data.profile and device.probe; `jobs.distill.prepare` gathers them for the command line.
"""

from __future__ import annotations

from .compiler import compile
from .pairing import pairing

__all__ = ["compile", "pairing"]
