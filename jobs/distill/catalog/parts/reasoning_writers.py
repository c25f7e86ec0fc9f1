"""Writers of reasoning, programs, rewriting, self-improvement and tool use, by id. Light: no torch."""

from __future__ import annotations

from ...writers.aggregate import Aggregate
from ...writers.agreement import MostAgreed
from ...writers.backtranslate import Backward, InstructionFor
from ...writers.base import Writer
from ...writers.consistent import SelfConsistent
from ...writers.corrections import Corrections
from ...writers.generic import GenericWords
from ...writers.interpretation import Interpretation
from ...writers.knowledge import Knowledge, Strategies
from ...writers.long_chain import LongChain
from ...writers.overgenerate import Generics, SentencePairs
from ...writers.program import ChainAndProgram, Program
from ...writers.rewriting import OwnWords, Relabel
from ...writers.self_guide import SelfGuide
from ...writers.socratic import Socratic
from ...writers.tables import TableReasons
from ...writers.tool_need import ToolNeed
from ...writers.tool_rows import ParallelCalls, ToolRows
from ...writers.tree import Tree
from ...writers.variants import EasierVariants

REASONING: tuple[type[Writer], ...] = (
    Socratic, Program, ChainAndProgram, Interpretation, TableReasons, OwnWords, Relabel, SelfConsistent, Aggregate,
    LongChain, SelfGuide, Backward, InstructionFor, SentencePairs, Generics, EasierVariants, MostAgreed, Corrections,
    Knowledge, Strategies, ToolNeed, ToolRows, ParallelCalls, Tree, GenericWords,
)  # fmt: skip
