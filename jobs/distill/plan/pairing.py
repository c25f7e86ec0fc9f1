"""The pairing verdict: can this teacher teach this student, and how? Compares facts, never model names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from .capacity import LAW
from .facts import ModelFacts, TokenizerFacts
from .result import Verdict, VerdictItem
from .words import count, ids, listed, params

State = Literal["ok", "note", "warning", "blocked"]
BEST_RATIO, LARGE_RATIO = LAW.best, LAW.far
REMAINS = (
    "Methods that compare probabilities token by token cannot be used; those that compare pieces of text or map the vocabularies can, "
    "and those that learn from the teacher's text."
)


def pairing(student: ModelFacts, teacher: ModelFacts) -> Verdict:
    """Verdict with one line a topic; never raises."""
    same = student.tokenizer.vocab_sha256 == teacher.tokenizer.vocab_sha256
    items = [
        _vocabulary(student, teacher, same),
        *_special(student.tokenizer, teacher.tokenizer, same),
        _template(student.tokenizer, teacher.tokenizer, same),
    ]
    items += [
        _end(student.tokenizer, teacher.tokenizer, same),
        *_begin(student.tokenizer, teacher.tokenizer, same),
        _context(student, teacher),
    ]
    items += [_architecture(student, teacher), _capacity(student, teacher), _licence(student, teacher)]
    return Verdict(same_vocabulary=same, headline=_headline(same, items), items=items)


def shared_vocabulary(student: ModelFacts, teacher: ModelFacts | None) -> int:
    """Number of real token ids both models have: logits beyond it are padding and are cut before the softmax."""
    sizes = [student.tokenizer.vocab_size, student.vocab_rows]
    sizes += [teacher.tokenizer.vocab_size, teacher.vocab_rows] if teacher else []
    return max(1, min(n for n in sizes if n > 0)) if any(sizes) else 1


def _headline(same: bool, items: list[VerdictItem]) -> str:
    if not same:
        return "Different tokenizers: methods made for them, and those that learn from text only, work."
    warnings = [i.topic for i in items if i.state == "warning"]
    if warnings:
        return f"Same vocabulary: every method works. Look at: {listed(warnings)}."
    return "A good pair: same vocabulary, every method works."


def _vocabulary(s: ModelFacts, t: ModelFacts, same: bool) -> VerdictItem:
    if not same:
        text = (
            f"The tokenizers differ: the student has {s.tokenizer.vocab_size:,} tokens, the teacher {t.tokenizer.vocab_size:,}, and the same id means "
            f"different text. {REMAINS}"
        )
        if s.tokenizer.vocab_size == t.tokenizer.vocab_size:
            text = f"Both tokenizers have {s.tokenizer.vocab_size:,} tokens, but not the same ones: the same id means different text. {REMAINS}"
        return _item("vocabulary", "warning", text)
    n = shared_vocabulary(s, t)
    if s.vocab_rows != t.vocab_rows:
        return _item(
            "vocabulary",
            "ok",
            f"Same {n:,} tokens. The output layers have {s.vocab_rows:,} and {t.vocab_rows:,} rows: the difference is padding, both are cut to the shared {n:,}.",
        )
    return _item("vocabulary", "ok", f"Same {n:,} tokens with the same ids.")


def _special(s: TokenizerFacts, t: TokenizerFacts, same: bool) -> Iterator[VerdictItem]:
    if not same:
        return
    if s.special == t.special:
        yield _item("special tokens", "ok", f"Same {count(len(s.special), 'special token')}.")
        return
    differing = sorted(set(s.special.items()) ^ set(t.special.items()), key=lambda x: x[1])
    names = listed(dict.fromkeys(name for name, _ in differing), 4)
    yield _item(
        "special tokens",
        "note",
        f"Marked as special in one model only: {names}. Their ids are the same, so nothing is lost.",
    )


def _template(s: TokenizerFacts, t: TokenizerFacts, same: bool) -> VerdictItem:
    if not same:
        return _item("template", "ok", "Each model reads rows in its own chat template and tokens.")
    if s.template_sha256 == t.template_sha256:
        if s.template_sha256:
            return _item("template", "ok", "Same chat template.")
        return _item("template", "note", "Neither model has a chat template: turns are joined by line breaks.")
    if not s.template_sha256 or not t.template_sha256:
        lacking = "teacher" if s.template_sha256 else "student"
        other = "student" if s.template_sha256 else "teacher"
        return _item(
            "template",
            "warning",
            f"The {lacking} has no chat template, the {other} has one. Both read the student's rendering of each row, so the teacher may see turns in a form it does not know.",
        )
    return _item(
        "template",
        "warning",
        "The chat templates differ. Both models read the student's rendering of each row, so the teacher may see turns in a form it does not know.",
    )


def _end(s: TokenizerFacts, t: TokenizerFacts, same: bool) -> VerdictItem:
    if not s.eos_ids:
        return _item(
            "end of text",
            "warning",
            "The student names no end-of-text token: its answers end only at the length limit.",
        )
    if not same:
        return _item("end of text", "ok", "Each model ends answers with its own token.")
    if set(s.eos_ids) == set(t.eos_ids):
        return _item("end of text", "ok", f"Same end-of-text tokens (ids {ids(s.eos_ids)}).")
    if set(s.eos_ids) & set(t.eos_ids):
        return _item(
            "end of text",
            "note",
            f"They share an end-of-text token; the student stops at ids {ids(s.eos_ids)}, the teacher at {ids(t.eos_ids)}.",
        )
    return _item(
        "end of text",
        "warning",
        f"The student ends answers with id {ids(s.eos_ids)}, the teacher with {ids(t.eos_ids)}: the teacher never shows the student how its own end looks.",
    )


def _begin(s: TokenizerFacts, t: TokenizerFacts, same: bool) -> Iterator[VerdictItem]:
    if same and s.adds_bos != t.adds_bos:
        adds, not_ = ("student", "teacher") if s.adds_bos else ("teacher", "student")
        yield _item(
            "beginning of text",
            "warning",
            f"The {adds} puts a beginning-of-text token first, the {not_} does not. Both read the student's tokens.",
        )


def _context(s: ModelFacts, t: ModelFacts) -> VerdictItem:
    n = min(s.context, t.context)
    if s.context == t.context:
        return _item("context", "ok", f"Both read up to {n:,} tokens.")
    shorter = "student" if s.context < t.context else "teacher"
    return _item(
        "context",
        "note",
        f"The student reads up to {s.context:,} tokens, the teacher {t.context:,}: rows may be {n:,} long, the {shorter}'s limit.",
    )


def _architecture(s: ModelFacts, t: ModelFacts) -> VerdictItem:
    shape = f"student {s.hidden_size:,} wide, {s.layers} layers; teacher {t.hidden_size:,} wide, {t.layers} layers"
    if s.model_type == t.model_type:
        return _item("architecture", "ok", f"Both are {s.model_type} models ({shape}).")
    return _item(
        "architecture",
        "note",
        f"{s.model_type} learns from {t.model_type} ({shape}). Methods on the output do not mind.",
    )


def _capacity(s: ModelFacts, t: ModelFacts) -> VerdictItem:
    ratio = t.parameters / max(1, s.parameters)
    sizes = f"The teacher has {params(t.parameters)} parameters, the student {params(s.parameters)}: {ratio:.1f} times as many."
    if ratio < 1:
        return _item(
            "capacity",
            "warning",
            sizes.replace(f"{ratio:.1f} times as many", f"the teacher is smaller ({ratio:.2f} times)")
            + " A smaller teacher rarely helps.",
        )
    if ratio > LARGE_RATIO:
        return _item(
            "capacity",
            "note",
            f"{sizes} Published experiments find the best teacher at about {BEST_RATIO} times; a teacher of middle size may teach better.",
        )
    return _item("capacity", "ok", f"{sizes} Published experiments find the best teacher at about {BEST_RATIO} times.")


def _licence(s: ModelFacts, t: ModelFacts) -> VerdictItem:
    unknown = [who for who, m in (("teacher", t), ("student", s)) if not m.licence]
    if unknown:
        return _item(
            "licence",
            "note",
            f"No licence is stated for the {listed(unknown)}. Check that you may train on the teacher's output and pass the adapter on.",
        )
    stated = f"Teacher: {t.licence}. Student: {s.licence}."
    if any(_non_commercial(m.licence or "") for m in (s, t)):
        return _item("licence", "warning", f"{stated} One of them limits commercial use, and so limits the adapter.")
    return _item(
        "licence", "ok", f"{stated} Some licences ask that models trained on the output keep the name or the terms."
    )


def _non_commercial(licence: str) -> bool:
    words = licence.lower().replace("_", "-").replace(" ", "-")
    return "nc" in words.split("-") or any(w in words for w in ("non-commercial", "noncommercial", "research"))


def _item(topic: str, state: State, text: str) -> VerdictItem:
    return VerdictItem(topic=topic, state=state, text=text)
