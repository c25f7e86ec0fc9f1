"""Terms over preference pairs and ranked lists, by id."""

from __future__ import annotations

from ...objectives.base import Part
from ...objectives.preference.calibration import Calibration
from ...objectives.preference.contrastive import Contrastive
from ...objectives.preference.dpo import DPO
from ...objectives.preference.dpop import DPOP
from ...objectives.preference.fine_grained_dpo import FineGrainedDPO
from ...objectives.preference.ipo import IPO
from ...objectives.preference.ranking import DemonstrationRanking, ListRanking
from ...objectives.preference.simpo import SimPO

PREFERENCE: dict[str, type[Part]] = {
    "dpo": DPO,
    "ipo": IPO,
    "dpop": DPOP,
    "simpo": SimPO,
    "fine-grained-dpo": FineGrainedDPO,
    "plad-calibration": Calibration,
    "list-ranking": ListRanking,
    "demonstration-ranking": DemonstrationRanking,
    "contrastive-skew": Contrastive,
}
