"""Teachers behind an address in a plan: whether one can teach this student, what it will be asked, what that costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..recipe import Generate, Prefer, Verify, Write
from . import licences
from .case import Case
from .facts import EndpointFacts, ModelFacts
from .result import EndpointUse, Verdict, VerdictItem
from .rows import Rows
from .words import listed

ASKED_TOKENS = 200  # of a prompt around a row, when the writer brings its own wording
JUDGED_TOKENS = 100  # of what a judge or a critic says of an answer


def verdict(student: ModelFacts, there: EndpointFacts) -> Verdict:
    """What can be said of a pair whose teacher has no files here; one line a topic, as for other pairs."""
    items = [_vocabulary(there), _context(student, there), _licence(student, there)]
    head = "A teacher behind an address: methods that learn from its text work."
    if any(i.state == "blocked" for i in items):
        head = "A teacher behind an address, and its terms forbid training other models on its outputs."
    return Verdict(same_vocabulary=False, headline=head, items=items)


def _vocabulary(there: EndpointFacts) -> VerdictItem:
    gives = f"text and {there.logprobs} log-probabilities a token" if there.logprobs else "text only"
    return VerdictItem(
        topic="vocabulary",
        state="note",
        text=f"{there.title} gives {gives}. Its weights, its tokenizer and the probabilities of its whole vocabulary are not "
        "here, so methods that read them cannot be used.",
        word="not known",
        advice="Take a method that learns from text: answers, rationales, programs, preferences.",
    )


def _context(student: ModelFacts, there: EndpointFacts) -> VerdictItem:
    if not there.context:
        return VerdictItem(
            topic="context",
            state="note",
            text=f"The student reads up to {student.context:,} tokens; what {there.title} reads is not stated.",
            word="not stated",
            advice="Test the endpoint, or state its context under Models, Teacher endpoints.",
        )
    text = f"The student reads up to {student.context:,} tokens, {there.title} {there.context:,} of its own."
    return VerdictItem(topic="context", state="ok", text=text, word=f"{there.context:,} tokens")


def _licence(student: ModelFacts, there: EndpointFacts) -> VerdictItem:
    """What the team entered; where that is nothing, what a known licence says."""
    found = there.outputs if there.outputs != "unknown" else licences.answer(there.licence, student.model_type)
    word, known = licences.WORDS[found], licences.find(there.licence)
    says = (
        f" Its licence ({known.title}) {known.says}" if known else f" Stated: {there.licence}." if there.licence else ""
    )
    source = known.source if known else ""
    if found == "no":
        text = f"The terms of {there.title} forbid training other models on its outputs.{says}"
        return VerdictItem(
            topic="licence", state="blocked", text=text, word=word, source=source,
            advice="Take another teacher, unless your team has an agreement of its own.",
        )  # fmt: skip
    if found == "unknown":
        text = f"Whether you may train on the outputs of {there.title} is not stated.{says}"
        return VerdictItem(
            topic="licence", state="note", text=text, word=word, source=source,
            advice="Read the provider's terms for the words outputs, competing models and training, then state it with the endpoint.",
        )  # fmt: skip
    if found == "limited":
        return VerdictItem(
            topic="licence", state="warning", text=f"Outputs of {there.title} are not for commercial use.{says}", word=word,
            source=source, advice="Use the student for research only, or take another teacher.",
        )  # fmt: skip
    text = (
        f"The terms of {there.title} allow training on its outputs{', with duties' if found == 'terms' else ''}.{says}"
    )
    return VerdictItem(
        topic="licence", state="note" if found == "terms" else "ok", text=text, word=word, source=source,
        advice=known.do if known else "",
    )  # fmt: skip


# -- what it is asked


@dataclass(frozen=True)
class Asked:
    """Questions of one stage to one endpoint, and their tokens over all."""

    who: str
    questions: float
    read: float
    written: float


def asked(case: Case, rows: Rows) -> Iterator[Asked]:
    """What each stage, and the evaluation, will ask of endpoints, at most; what is in the ledger already costs nothing."""
    from .writing import asked as texts_of
    from .writing import flows

    pool = flows(case, rows)
    for i, stage in enumerate(case.stages):
        times = case.rounds[i]
        if isinstance(stage, Write) and case.endpoint(stage.by):
            n = texts_of(pool[i], rows, stage) * times
            new = min(stage.max_new_tokens, max(case.answer_tokens, stage.max_new_tokens / 4))
            yield Asked(stage.by, n, n * (case.lengths.mean_prompt + ASKED_TOKENS), n * new)
        elif isinstance(stage, Verify | Prefer):
            flow = pool[i]
            n = (flow.written if isinstance(stage, Prefer) or stage.rows == "written" else flow.all) * times
            for who in case.askers(stage):
                if case.endpoint(who):
                    yield Asked(who, n, n * (case.row_tokens + ASKED_TOKENS), n * JUDGED_TOKENS)
        elif isinstance(stage, Generate) and case.endpoint(stage.teacher):
            n = rows.of("unlabelled") if stage.rows == "unlabelled" else rows.train
            yield Asked(
                stage.teacher, n, n * case.lengths.mean_prompt, n * min(stage.max_new_tokens, case.answer_tokens)
            )
    if case.endpoint("teacher") and case.needs_teacher:
        n = min(case.facts.data.heldout, case.recipe.evaluation.limit or case.facts.data.heldout)
        new = min(case.recipe.evaluation.max_new_tokens, case.answer_tokens)
        yield Asked("teacher", n, n * case.lengths.mean_prompt, n * new)


def uses(case: Case, rows: Rows) -> list[EndpointUse]:
    """By endpoint of the recipe: questions, tokens, price and the least time at its limits."""
    found = list(asked(case, rows))
    return [_use(case, who, there, [a for a in found if a.who == who]) for who, there in case.facts.endpoints.items()]


def _use(case: Case, who: str, there: EndpointFacts, found: list[Asked]) -> EndpointUse:
    questions, read, written = (sum(getattr(a, n) for a in found) for n in ("questions", "read", "written"))
    ref = case.recipe.model(who)
    caps = ref.endpoint.budget if ref and ref.endpoint else ref.budget if ref else None
    return EndpointUse(
        name=who,
        title=there.title,
        questions=round(questions),
        read_tokens=round(read),
        written_tokens=round(written),
        price=price(there, read, written),
        currency=there.currency,
        seconds=round(seconds(there, questions, read, written), 1),
        max_price=caps.max_price if caps else None,
        max_tokens=caps.max_tokens if caps else None,
    )


def price(there: EndpointFacts, read: float, written: float) -> float | None:
    """In the endpoint's currency; None where no price is stated."""
    if not there.price_in and not there.price_out:
        return None
    return (read * there.price_in + written * there.price_out) / 1e6


def seconds(there: EndpointFacts, questions: float, read: float, written: float) -> float:
    """The least time so many questions take: rate limits, and what the last test measured over all that may be under way."""
    if not questions:
        return 0.0
    limits = [60 * questions / there.requests_per_minute] if there.requests_per_minute else []
    limits += [60 * (read + written) / there.tokens_per_minute] if there.tokens_per_minute else []
    if there.seconds is not None:
        each = there.seconds + (written / questions / there.tokens_per_second if there.tokens_per_second else 0.0)
        limits.append(questions * each / there.concurrency)
    return max(limits, default=0.0)


def money(value: float, currency: str) -> str:
    return f"{value:,.2f} {currency}" if value >= 0.1 or not value else f"{value:.3g} {currency}"


def caps(use: EndpointUse) -> str:
    """5.00 USD or 2,000,000 tokens; empty where nothing is capped."""
    found = [money(use.max_price, use.currency)] if use.max_price is not None else []
    found += [f"{use.max_tokens:,} tokens"] if use.max_tokens is not None else []
    return listed(found).replace(" and ", " or ")
