"""The plan compiler: recipe + facts -> plan, or refusals that say why. Light: no torch.

    compile(recipe, facts) -> Plan      the same answer for page, API, command line and worker
    pairing(student, teacher) -> Verdict    before there is a dataset
    facts_for_cli(recipe) -> Facts      gathers facts from folders and files, for runs without the web app
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .compiler import compile
from .pairing import pairing

if TYPE_CHECKING:
    from ..recipe import Recipe
    from .facts import Facts


def facts_for_cli(recipe: Recipe) -> Facts:
    """Facts of the recipe's own models, file and this machine; loads heavier libraries than the compiler does."""
    from .gather import facts_for_cli as gather

    return gather(recipe)


__all__ = ["compile", "facts_for_cli", "pairing"]
