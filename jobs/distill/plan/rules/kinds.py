"""Rules about kinds of models: what an encoder-decoder can learn, and from whom."""

from __future__ import annotations

from collections.abc import Iterator

from ...recipe import Select, Train
from ...recipe.adapter import FROM_ROWS
from ..case import Case
from ..facts import ModelFacts
from ..findings import Finding, fix, refuse
from ..rows import Rows
from ..words import listed

TEXT_METHOD = "seqkd"
NAMES = {"causal": "a causal model", "encoder-decoder": "an encoder-decoder", "encoder": "an encoder"}


def compared_models_are_of_one_kind(case: Case, rows: Rows) -> Iterator[Finding]:
    """Probabilities at a token, states and attention are compared between models that read a row in the same way."""
    for _, stage in case.trains:
        learner = case.model(stage.learner)
        comparing = [p.title for _, _, p in case.terms(stage) if "teacher" in p.needs]
        if stage.mix:
            comparing.append("the mix of domains")
        if case.scores_pairs(stage):
            comparing.append("the density ratio")
        if learner is None or not comparing:
            continue
        for name, other in _teachers(case, stage):
            if other.kind != learner.kind and learner.kind != "encoder":
                yield refuse(
                    "KIND_DIFFERENT",
                    case.recipe.field_of(name),
                    f"{listed(comparing)} compares probabilities of both models at each token, but the student is {NAMES[learner.kind]} "
                    f"and the teacher {NAMES[other.kind]}: they read a row in different ways. Choose {NAMES[learner.kind]} as teacher, "
                    f"or a method that learns from the teacher's text. These remain: {listed(case.by_text)}.",
                    fix("Learn from the teacher's answers", "method", TEXT_METHOD),
                )


def inner_states_are_causal(case: Case, rows: Rows) -> Iterator[Finding]:
    """Terms over hidden states read blocks in a line from prompt to answer, which an encoder-decoder has not."""
    for i, stage in _of_two_parts(case):
        for k, _, part in case.terms(stage):
            if part.scope == "states" or "aligned" in part.needs:
                where = case.field(i, f"terms.{k}.type")
                yield refuse(
                    "TERM_KIND",
                    where,
                    f"{part.title} is made for causal models, and the student is an encoder-decoder. Terms over probabilities and over whole answers work.",
                    None if case.asked.method else fix("Use cross-entropy", where, "cross-entropy"),
                )


def texts_have_two_parts(case: Case, rows: Rows) -> Iterator[Finding]:
    """An encoder-decoder writes whole answers to whole prompts; what begins in the middle of a text has no place in it."""
    for i, stage in _of_two_parts(case):
        if stage.supervise in ("chunks", "shortened", "all"):
            yield refuse(
                "SUPERVISE_KIND",
                case.field(i, "supervise"),
                f"An encoder-decoder cannot learn {stage.supervise!r}: that begins in the middle of a text, and its decoder writes whole answers only.",
                None
                if case.asked.method
                else fix("Learn the rationale, then the answer", case.field(i, "supervise"), "reasoned"),
            )
        if stage.source.correct and stage.source.kind in ("student", "mixed"):
            yield refuse(
                "CORRECT_KIND",
                case.field(i, "source.correct"),
                "Answers of an encoder-decoder cannot be corrected in the middle: what was written so far would go to its encoder.",
                fix("Leave answers as they are", case.field(i, "source.correct"), False),
            )
    for i, chosen in enumerate(case.stages):
        if isinstance(chosen, Select) and case.student.apart and chosen.text == "all":
            yield refuse(
                "SELECT_KIND",
                case.field(i, "text"),
                "Encoder-decoders find answers likely or not, not whole texts.",
                fix("Read the answers", case.field(i, "text"), "answer"),
            )


def adapter_suits_the_kind(case: Case, rows: Rows) -> Iterator[Finding]:
    adapter, student = case.recipe.student.adapter, case.facts.student
    if not student.apart:
        return
    field = "student.adapter"
    if case.recipe.student.shape is not None:
        text = "An encoder-decoder cannot be cut into a smaller student: the shapes know one stack of layers."
        yield refuse("SHAPE_KIND", "student.shape", text, fix("Use the student as it is", "student.shape", None))
    if adapter.type == "clover":
        text = "CLOVER takes attention heads of causal models apart; an encoder-decoder has attention of three sorts."
        yield refuse("ADAPTER_KIND", f"{field}.type", text, fix("Use LoRA", f"{field}.type", "lora"))
    if adapter.noise is not None:
        text = "Noise on the embeddings is made for causal models, whose rows are one line of tokens."
        yield refuse("NOISE_KIND", f"{field}.noise", text, fix("Train without noise", f"{field}.noise", None))
    if adapter.pruned:
        text = "Layers of an encoder-decoder cannot be pruned while the adapter trains."
        yield refuse("PRUNED_KIND", f"{field}.pruned", text, fix("Train the whole student", f"{field}.pruned", 0.0))
    if adapter.start in FROM_ROWS:
        text = f"The first values {adapter.start} are read from rows of causal models; for an encoder-decoder PiSSA and OLoRA look at the weights alone."
        yield refuse("START_KIND", f"{field}.start", text, fix("Start with PiSSA", f"{field}.start", "pissa"))


def _of_two_parts(case: Case) -> Iterator[tuple[int, Train]]:
    for i, stage in case.trains:
        learner = case.model(stage.learner)
        if learner is not None and learner.apart:
            yield i, stage


def _teachers(case: Case, stage: Train) -> Iterator[tuple[str, ModelFacts]]:
    members = [*stage.teaching.members, *((stage.source.strong, stage.source.weak) if case.scores_pairs(stage) else ())]
    for name in dict.fromkeys(m.name for m in members if m.kind == "model"):
        if (found := case.model(name)) is not None:
            yield name, found


RULES = (compared_models_are_of_one_kind, inner_states_are_causal, texts_have_two_parts, adapter_suits_the_kind)
