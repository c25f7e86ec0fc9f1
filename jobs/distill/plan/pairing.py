"""The pairing verdict: can this teacher teach this student, and how? Compares facts, never model names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from . import licences
from .capacity import LAW, SOURCE
from .facts import ModelFacts, TokenizerFacts
from .result import Verdict, VerdictItem
from .words import count, ids, listed, params

KIND_WORDS = {
    "causal": "a causal model (one stack that reads and writes in one line)",
    "encoder-decoder": "an encoder-decoder (one stack reads the prompt, another writes the answer)",
    "encoder": "an encoder (it reads and cannot write)",
}
State = Literal["ok", "note", "warning", "blocked"]
REMAINS = (
    "Methods that compare probabilities token by token cannot be used; those that compare pieces of text or map the vocabularies can, "
    "and those that learn from the teacher's text."
)


def pairing(student: ModelFacts, teacher: ModelFacts, labels: bool = False) -> Verdict:
    """Verdict with one line a topic; never raises. `labels`: the student names instead of writing, as every encoder does."""
    if labels or student.kind == "encoder":
        return _of_labels(student, teacher)
    same = student.tokenizer.vocab_sha256 == teacher.tokenizer.vocab_sha256
    alike = student.kind == teacher.kind
    together = same and alike  # both read the student's tokens
    items = [
        _vocabulary(student, teacher, same),
        *_special(student.tokenizer, teacher.tokenizer, same),
        _template(student.tokenizer, teacher.tokenizer, together),
    ]
    items += [
        _end(student.tokenizer, teacher.tokenizer, together),
        *_begin(student.tokenizer, teacher.tokenizer, together),
        _context(student, teacher),
    ]
    items += [_architecture(student, teacher), _capacity(student, teacher), _licence(student, teacher)]
    return Verdict(same_vocabulary=same, same_kind=alike, headline=_headline(same, items, alike), items=items)


def _of_labels(student: ModelFacts, teacher: ModelFacts) -> Verdict:
    """Teacher and a student with a label head share labels, no tokens: tokenizers, templates and ends do not matter."""
    same, alike = student.tokenizer.vocab_sha256 == teacher.tokenizer.vocab_sha256, student.kind == teacher.kind
    if teacher.kind == "encoder":
        text = "This teacher is an encoder and cannot write. Its labels may come as a column of soft labels."
        first = _item(
            "labels", "blocked", text, "cannot write", "Choose a teacher that writes, or give its labels as a column."
        )
    else:
        text = "The student is a classifier or tagger: it learns labels and how probable the teacher finds each, whatever the tokenizers."
        first = _item("labels", "ok", text, "labels alone")
    items = [first, _context(student, teacher), _capacity(student, teacher), _licence(student, teacher)]
    headline = "A classifier or tagger: methods that learn from labels and their probabilities work."
    if teacher.kind == "encoder":
        headline = "This teacher cannot label rows: it is an encoder without labels."
    elif any(i.state == "blocked" for i in items):
        headline = "A classifier or tagger, but the teacher's licence forbids training other models on its outputs."
    return Verdict(same_vocabulary=same, same_kind=alike, headline=headline, items=items)


def shared_vocabulary(student: ModelFacts, teacher: ModelFacts | None) -> int:
    """Number of real token ids both models have: logits beyond it are padding and are cut before the softmax."""
    sizes = [student.tokenizer.vocab_size, student.vocab_rows]
    sizes += [teacher.tokenizer.vocab_size, teacher.vocab_rows] if teacher else []
    return max(1, min(n for n in sizes if n > 0)) if any(sizes) else 1


def _headline(same: bool, items: list[VerdictItem], alike: bool) -> str:
    if any(i.state == "blocked" for i in items):
        rest = "Same vocabulary" if same else "Different tokenizers"
        return f"{rest}, but the teacher's licence forbids training other models on its outputs."
    if not alike:
        return "Different kinds of model: methods that learn from the teacher's text work."
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
        return _item(
            "vocabulary",
            "warning",
            text,
            "differs",
            "Take a method for different tokenizers, or one that learns from text.",
        )
    n = shared_vocabulary(s, t)
    if s.vocab_rows != t.vocab_rows:
        return _item(
            "vocabulary",
            "ok",
            f"Same {n:,} tokens. The output layers have {s.vocab_rows:,} and {t.vocab_rows:,} rows: the difference is padding, both are cut to the shared {n:,}.",
            "same",
        )
    return _item("vocabulary", "ok", f"Same {n:,} tokens with the same ids.", "same")


def _special(s: TokenizerFacts, t: TokenizerFacts, same: bool) -> Iterator[VerdictItem]:
    if not same:
        return
    if s.special == t.special:
        yield _item("special tokens", "ok", f"Same {count(len(s.special), 'special token')}.", "same")
        return
    differing = sorted(set(s.special.items()) ^ set(t.special.items()), key=lambda x: x[1])
    names = listed(dict.fromkeys(name for name, _ in differing), 4)
    yield _item(
        "special tokens",
        "note",
        f"Marked as special in one model only: {names}. Their ids are the same, so nothing is lost.",
        "marked otherwise",
        "Nothing, unless your rows contain these tokens as text.",
    )


def _template(s: TokenizerFacts, t: TokenizerFacts, same: bool) -> VerdictItem:
    if not same:
        return _item("template", "ok", "Each model reads rows in its own chat template and tokens.", "each its own")
    if s.template_sha256 == t.template_sha256:
        if s.template_sha256:
            return _item("template", "ok", "Same chat template.", "same")
        text = "Neither model has a chat template: turns are joined by line breaks."
        return _item(
            "template",
            "note",
            text,
            "none",
            "Write the rows as prompt and answer; chats of several turns lose their roles.",
        )
    advice = "Compare both renderings in the dataset's preview, or choose models of one family."
    if not s.template_sha256 or not t.template_sha256:
        lacking = "teacher" if s.template_sha256 else "student"
        other = "student" if s.template_sha256 else "teacher"
        text = f"The {lacking} has no chat template, the {other} has one. Both read the student's rendering of each row, so the teacher may see turns in a form it does not know."
        return _item("template", "warning", text, "one has none", advice)
    text = "The chat templates differ. Both models read the student's rendering of each row, so the teacher may see turns in a form it does not know."
    return _item("template", "warning", text, "differs", advice)


def _end(s: TokenizerFacts, t: TokenizerFacts, same: bool) -> VerdictItem:
    topic = "end of text"
    if not s.eos_ids:
        text = "The student names no end-of-text token: its answers end only at the length limit."
        return _item(
            topic, "warning", text, "missing", "Add eos_token to its tokenizer_config.json and add the model again."
        )
    if not same:
        return _item(topic, "ok", "Each model ends answers with its own token.", "each its own")
    if set(s.eos_ids) == set(t.eos_ids):
        return _item(topic, "ok", f"Same end-of-text tokens (ids {ids(s.eos_ids)}).", "same")
    if set(s.eos_ids) & set(t.eos_ids):
        text = f"They share an end-of-text token; the student stops at ids {ids(s.eos_ids)}, the teacher at {ids(t.eos_ids)}."
        return _item(topic, "note", text, "one shared", "Nothing: rows end with the token they share.")
    text = f"The student ends answers with id {ids(s.eos_ids)}, the teacher with {ids(t.eos_ids)}: the teacher never shows the student how its own end looks."
    return _item(
        topic,
        "warning",
        text,
        "differs",
        "Keep rows with given answers in the mix, so that the student learns its own end.",
    )


def _begin(s: TokenizerFacts, t: TokenizerFacts, same: bool) -> Iterator[VerdictItem]:
    if same and s.adds_bos != t.adds_bos:
        adds, not_ = ("student", "teacher") if s.adds_bos else ("teacher", "student")
        yield _item(
            "beginning of text",
            "warning",
            f"The {adds} puts a beginning-of-text token first, the {not_} does not. Both read the student's tokens.",
            "differs",
            "Compare the teacher's score on held-out rows with what you know of it; if it is lower, choose another pair.",
        )


def _context(s: ModelFacts, t: ModelFacts) -> VerdictItem:
    n = min(s.context, t.context)
    if s.context == t.context:
        return _item("context", "ok", f"Both read up to {n:,} tokens.", "same")
    shorter = "student" if s.context < t.context else "teacher"
    text = f"The student reads up to {s.context:,} tokens, the teacher {t.context:,}: rows may be {n:,} long, the {shorter}'s limit."
    return _item(
        "context",
        "note",
        text,
        f"{n:,} tokens",
        "Look at rows used and lost in the summary; longer rows are cut or left out.",
    )


def _architecture(s: ModelFacts, t: ModelFacts) -> VerdictItem:
    if s.kind != t.kind:
        return _item(
            "architecture",
            "warning",
            f"The student is {KIND_WORDS[s.kind]}, the teacher {KIND_WORDS[t.kind]}: they read a row in different ways, so their "
            "probabilities at a token, hidden states and attention cannot be compared. Methods that learn from the teacher's text remain.",
            "other kind",
            "Take a method that learns from text: sequence-level KD, or rationales. Or choose a teacher of the student's kind.",
        )
    shape = f"student {s.hidden_size:,} wide, {s.layers} layers; teacher {t.hidden_size:,} wide, {t.layers} layers"
    if s.model_type == t.model_type:
        both = f"Both are {s.model_type} models ({shape})."
        if s.apart:
            both = f"Both are {s.model_type} encoder-decoders ({shape}, encoders beside them)."
        return _item("architecture", "ok", both, "same family")
    text = f"{s.model_type} learns from {t.model_type} ({shape}). Methods on the output do not mind."
    return _item(
        "architecture",
        "note",
        text,
        "differs",
        "Nothing, unless you take a method on hidden states: it then maps layers between the two.",
    )


def _capacity(s: ModelFacts, t: ModelFacts) -> VerdictItem:
    """The law of the capacity gap: a student follows a teacher only as far as its own capacity reaches."""
    ratio = t.parameters / max(1, s.parameters)
    best = f"a teacher of about {params(round(LAW.best * s.parameters))}"
    sizes = f"The teacher has {params(t.parameters)} parameters, the student {params(s.parameters)}: {ratio:.1f} times as many."
    law = f"Published experiments find the best teacher at about {LAW.best} times the student's size, because a student cannot follow what it has no room for"
    if ratio < 1:
        smaller = sizes.replace(f"{ratio:.1f} times as many", f"the teacher is smaller ({ratio:.2f} times)")
        return _item(
            "capacity",
            "warning",
            f"{smaller} A smaller teacher rarely helps.",
            "teacher is smaller",
            f"Swap the two, or take {best}.",
            SOURCE,
        )
    if ratio > LAW.far:
        text = f"{sizes} {law}; a teacher of middle size may teach better."
        advice = f"If you can, take {best}, or the method Teacher assistants, which puts one in between."
        return _item("capacity", "note", text, "far apart", advice, SOURCE)
    word = "near the best" if 1 / LAW.near <= ratio / LAW.best <= LAW.near else "workable"
    advice = "" if word == "near the best" else f"Nothing must change; {best} is nearest to the law."
    return _item("capacity", "ok", f"{sizes} {law}.", word, advice, SOURCE)


def _licence(s: ModelFacts, t: ModelFacts) -> VerdictItem:
    unknown = [who for who, m in (("teacher", t), ("student", s)) if not m.licence]
    known = licences.find(t.licence)
    found = licences.answer(t.licence, s.model_type)
    word = licences.WORDS[found]
    source = known.source if known else ""
    if unknown:
        text = f"No licence is stated for the {listed(unknown)}. Whether you may train on the teacher's output is not known here."
        return _item(
            "licence",
            "note",
            text,
            licences.WORDS["unknown"],
            "Read the model card, then state the licence under Models.",
            source,
        )
    stated = f"Teacher: {t.licence}. Student: {s.licence}."
    says = f"The teacher's licence {known.says}" if known else ""
    if found == "no":
        return _item("licence", "blocked", f"{stated} {says}", word, known.do if known else "", source)
    if found == "limited" or licences.is_non_commercial(s.licence):
        text = " ".join(filter(None, (stated, says, "One of them limits commercial use, and so limits the adapter.")))
        return _item(
            "licence",
            "warning",
            text,
            licences.WORDS["limited"],
            "Use the adapter for research only, or choose other models.",
            source,
        )
    if known is None:
        text = f"{stated} The teacher's licence is not in the table of known ones, so what it says about training on outputs is not known here."
        return _item(
            "licence", "note", text, word, "Read it for the words outputs, derivatives and distillation.", source
        )
    return _item("licence", "note" if found == "terms" else "ok", f"{stated} {says}", word, known.do, source)


def _item(topic: str, state: State, text: str, word: str, advice: str = "", source: str = "") -> VerdictItem:
    return VerdictItem(topic=topic, state=state, text=text, word=word, advice=advice, source=source)
