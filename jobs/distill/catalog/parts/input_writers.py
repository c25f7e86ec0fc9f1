"""Writers that make new questions and turn documents into rows, by the order of forms. Light: no torch."""

from __future__ import annotations

from ...writers.base import Writer
from ...writers.comparisons import Comparisons
from ...writers.dialogue import Dialogue
from ...writers.edit_program import EditProgram
from ...writers.entities import EntityQuestions, FindEntities
from ...writers.facts_to_text import FactsToText
from ...writers.genres import Genres
from ...writers.long_questions import LongQuestions, MetaInformation
from ...writers.new_questions import NewQuestions
from ...writers.packing import LongContext
from ...writers.questions import DocumentQuestions
from ...writers.refinement import Refinement
from ...writers.retrieve import RetrieveTransform
from ...writers.section_rewrite import SectionRewrite
from ...writers.simplify import Simplify
from ...writers.skills import ExtractSkills, SkillMix
from ...writers.structure import Structure
from ...writers.textbook import Textbook
from ...writers.translate import Translate
from ...writers.triplets import Triplets

INPUTS: tuple[type[Writer], ...] = (
    NewQuestions,
    Textbook,
    ExtractSkills,
    SkillMix,
    MetaInformation,
    LongQuestions,
    DocumentQuestions,
    Dialogue,
    FactsToText,
    SectionRewrite,
    Structure,
    Simplify,
    Genres,
    EditProgram,
    FindEntities,
    EntityQuestions,
    Comparisons,
    RetrieveTransform,
    Translate,
    LongContext,
    Refinement,
    Triplets,
)
