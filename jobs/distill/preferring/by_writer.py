"""Answers preferred by who wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from ..asking.request import Request
from ..parts import Options, Paper
from ..verifiers.base import Bench, asked
from .base import Group, Preferred, Rule
from .scoring import none, pair, said, writer_of


class OverOptions(Options):
    better: str = Field("teacher", min_length=1, max_length=80, title="Preferred writer")
    worse: str = Field(
        "student",
        min_length=1,
        max_length=80,
        title="Writer it is preferred to",
        description="Where it wrote nothing for a question, it is asked now.",
    )
    each: bool = Field(
        False, title="Every pair", description="Off: the first answer of each. On: every answer over every other."
    )
    max_new_tokens: int = Field(
        256, ge=1, le=32768, title="Longest answer (tokens)", description="Of the writer that is asked now."
    )
    temperature: float = Field(0.0, ge=0, le=5, title="Sampling temperature")


class TeacherOverStudent(Rule):
    id = "teacher-over-student"
    title = "Teacher over student"
    summary = "The teacher's answer is chosen over the student's own; equal answers make no pair."
    when_to_use = "The teacher is clearly better, and the student should unlearn its own way of answering."
    formula = r"y_c \sim p_T(\cdot \mid x),\quad y_r \sim q(\cdot \mid x)"
    paper = Paper(
        title="PLaD: Preference-based Large Language Model Distillation with Pseudo-Preference Pairs",
        authors="Zhang, Shen, Liu, Wang and others", year=2024, venue="Findings of ACL",
        url="https://arxiv.org/abs/2406.02886", arxiv="2406.02886",
    )  # fmt: skip
    Options = OverOptions

    def prefer(self, groups: Sequence[Group], options: Any, bench: Bench) -> list[list[Preferred]]:
        own = [[r for r in g.rows if said(r)] for g in groups]
        lacks = [i for i, rows in enumerate(own) if not any(writer_of(r) == options.worse for r in rows)]
        requests = [
            Request(
                tuple(dict(t) for t in groups[i].question), options.max_new_tokens, options.temperature, seed=bench.seed
            )
            for i in lacks
        ]
        replies = dict(zip(lacks, bench.ask(options.worse, requests) if requests else [], strict=True))
        out = []
        for i, rows in enumerate(own):
            good = [r for r in rows if writer_of(r) == options.better]
            bad = [said(r) for r in rows if writer_of(r) == options.worse]
            if (reply := replies.get(i)) is not None:
                bad = [reply.text.strip()] if reply.text.strip() and reply.outcome in ("ok", "truncated") else []
            out.append(_pairs([said(r) for r in good], bad, options))
        return out


def _pairs(good: Sequence[str], bad: Sequence[str], options: OverOptions) -> list[Preferred]:
    if not good or not bad:
        return none(f"{options.worse if good else options.better} wrote no answer")
    both = [(g, b) for g in good for b in bad] if options.each else [(good[0], bad[0])]
    sources = (options.better, options.worse)
    found = [Preferred((g, b), (1.0, 0.0), sources=sources) for g, b in both if g != b]
    return found or none(f"{options.better} and {options.worse} say the same")


class ShortOptions(Options):
    field: str = Field("context", min_length=1, max_length=80, title="Field", description="Says short or long.")


class ShortOverLong(Rule):
    id = "short-over-long"
    title = "Short context over long"
    summary = "The answer written from the short passage is chosen over the one written from the whole long text."
    when_to_use = "The student answers well from short texts and loses itself in long ones. Write with contexts first."
    formula = r"y_c \sim q(\cdot \mid x_{\text{short}}),\quad y_r \sim q(\cdot \mid x_{\text{long}}),\quad \text{learnt under } x_{\text{long}}"
    paper = Paper(
        title="LongPO: Long Context Self-Evolution of Large Language Models through Short-to-Long Preference Optimization",
        authors="Chen, Li, Shieh, Bing", year=2025, venue="ICLR", url="https://arxiv.org/abs/2502.13922",
        arxiv="2502.13922",
    )  # fmt: skip
    Options = ShortOptions

    def prefer(self, groups: Sequence[Group], options: Any, bench: Bench) -> list[list[Preferred]]:
        return [self._one(g, options) for g in groups]

    def _one(self, group: Group, options: ShortOptions) -> list[Preferred]:
        short = [r for r in group.rows if r.fields.get(options.field) == "short" and said(r)]
        long = [r for r in group.rows if r.fields.get(options.field) == "long" and said(r)]
        if not short or not long:
            return none(f"there is no answer from the {'long' if short else 'short'} context")
        if said(short[0]) == said(long[0]):
            return none("both contexts led to the same answer")
        shared = {
            k: v
            for k, v in short[0].fields.items()
            if k in ("instruction_id", "privileged", "privileged_prompt") and v is not None
        }
        return [pair(short[0], long[0], (1.0, 0.0), contexts=["short", "long"], **shared)]


TRANSLATE = "Translate the text into {language}. Give the translation alone.\n\n{text}"


class DominantOptions(Options):
    dominant: str = Field(
        "English", min_length=1, max_length=80, title="Dominant language", description="As the rows' domain calls it."
    )
    translator: str = Field(
        "student", min_length=1, max_length=80, title="Who translates", description="The paper has the student do it."
    )
    both: bool = Field(
        True,
        title="Both directions",
        description="Also pairs in the dominant language: its own answer over the translated weak one.",
    )
    max_new_tokens: int = Field(512, ge=1, le=32768, title="Longest translation (tokens)")


class DominantLanguage(Rule):
    id = "dominant-language"
    title = "Dominant language over weak language"
    summary = "Of one prompt in several languages, the answer in the dominant language, translated, is chosen over the weak one."
    when_to_use = "The model is much better in one language. Rows need a group (the same prompt in all languages) and a domain (the language)."
    formula = r"\mathrm{tr}_{w}(y_{d}) \succ y_{w},\qquad y_{d} \succ \mathrm{tr}_{d}(y_{w})"
    paper = Paper(
        title="Language Imbalance Driven Rewarding for Multilingual Self-improving",
        authors="Yang, Wu, Wang, Zong, Zhang", year=2025, venue="ICLR", url="https://arxiv.org/abs/2410.08964",
        arxiv="2410.08964",
    )  # fmt: skip
    Options = DominantOptions

    def prefer(self, groups: Sequence[Group], options: Any, bench: Bench) -> list[list[Preferred]]:
        tags = [_tags(g) for g in groups]
        dominant = {t[0]: i for i, t in enumerate(tags) if t and t[1] == options.dominant}
        out: list[list[Preferred]] = [none("the rows of the group say no prompt id and language") for _ in groups]
        wanted: list[tuple[int, int, str, str]] = []  # (weak group, dominant group, language, text to translate)
        for i, t in enumerate(tags):
            if t is None:
                continue
            if t[1] == options.dominant:
                out[i] = none(f"it is in {options.dominant} itself")
                continue
            if t[0] not in dominant:
                out[i] = none(f"the prompt {t[0]!r} has no answer in {options.dominant}")
                continue
            d = dominant[t[0]]
            wanted.append((i, d, t[1], said(groups[d].rows[0])))
            if options.both:
                wanted.append((d, i, options.dominant, said(groups[i].rows[0])))
        translated = _translated([(language, text) for _, _, language, text in wanted], options, bench)
        for (at, other, language, _), text in zip(wanted, translated, strict=True):
            own = said(groups[at].rows[0])
            prompt = tags[at][0] if tags[at] else ""  # type: ignore[index]
            weak = language != options.dominant
            found = _pair_of(own, text, weak, language, prompt, asked(groups[other].rows[0]))
            out[at] = [*(p for p in out[at] if p.ranked), *found] if found[0].ranked else out[at] if any(p.ranked for p in out[at]) else found  # fmt: skip
        return out


def _tags(group: Group) -> tuple[str, str] | None:
    """(prompt id, language) of a group, where its rows say both and wrote something."""
    first = group.rows[0]
    prompt, language = first.fields.get("group"), first.fields.get("domain")
    return (str(prompt), str(language)) if prompt and language and said(first) else None


def _translated(texts: Sequence[tuple[str, str]], options: DominantOptions, bench: Bench) -> list[str]:
    requests = [
        Request(
            ({"role": "user", "content": TRANSLATE.format(language=language, text=text)},),
            options.max_new_tokens,
            seed=bench.seed,
        )
        for language, text in texts
    ]
    return [r.text.strip() if r.ok else "" for r in (bench.ask(options.translator, requests) if requests else [])]


def _pair_of(own: str, translated: str, weak: bool, language: str, prompt: str, other: str) -> list[Preferred]:
    if not translated:
        return none("the translation came to nothing")
    if translated == own:
        return none("the translation says the same")
    fields = {"language": language, "prompt_id": prompt, "other": other[:2000]}
    if weak:
        return [Preferred((translated, own), (1.0, 0.0), sources=("translated", "student"), fields=fields)]
    return [Preferred((own, translated), (1.0, 0.0), sources=("student", "translated"), fields=fields)]
