"""Teachers behind an address: one careful client for every style, its limits, its budget and its ledger. Light: no torch."""

from .asker import EndpointAsker
from .patience import Patience
from .purse import journals

__all__ = ["EndpointAsker", "Patience", "journals"]
