"""Texts asked of a model: an endpoint's over HTTP, or one of ours in memory; one form of question, answer and ledger.

Light: no torch; local.py, which speaks for a model in memory, is imported by the stages that need it.
"""

from .request import GOOD, OUTCOMES, Asker, Reply, Request

__all__ = ["GOOD", "OUTCOMES", "Asker", "Reply", "Request"]
