"""The manual: Markdown files of this folder, method pages from the catalogue, and a search over both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.utils.safestring import SafeString, mark_safe
from latex2mathml.converter import convert
from markdown_it import MarkdownIt

from jobs.distill.catalog import PARTS, SYSTEMS, System
from jobs.distill.data.tasks.templates import TEMPLATES, VARIABLES

FOLDER = Path(__file__).parent / "pages"
GROUPS: dict[str, tuple[str, ...]] = {
    "Start": ("quickstart", "compose-a-run", "read-the-report", "download"),
    "How to": (
        "bring-your-data",
        "profile",
        "changing-data",
        "bringing-data-in",
        "tasks",
        "review-rows",
        "new-rows",
        "checks-and-programs",
        "judges-and-preferences",
        "add-a-model",
        "teacher-endpoints",
        "encoder-decoders",
        "classifiers",
        "choose-a-method",
        "advisor",
        "templates",
        "dry-run",
        "sweeps",
        "the-board",
        "stages",
        "learning-rate",
        "adapters",
        "command-line",
        "api",
        "workers",
        "when-it-fails",
    ),
    "Concepts": ("gap-closed", "control-arm", "pairing-verdict", "recorded-signals", "glossary"),
}
WORD = re.compile(r"[\w-]+", re.UNICODE)


@dataclass(frozen=True)
class Page:
    """One page of the manual. `html` is made from our own files, with raw HTML switched off."""

    slug: str
    title: str
    summary: str
    text: str
    html: SafeString


@dataclass(frozen=True)
class Hit:
    title: str
    kind: str
    url_name: str
    slug: str
    excerpt: str
    score: int


@cache
def pages() -> dict[str, Page]:
    """Every page by its slug, in the order of GROUPS."""
    return {slug: _read(slug) for slugs in GROUPS.values() for slug in slugs}


def groups() -> list[tuple[str, list[Page]]]:
    return [(name, [pages()[slug] for slug in slugs]) for name, slugs in GROUPS.items()]


def neighbours(slug: str) -> tuple[Page | None, Page | None]:
    """The page before and after, in reading order."""
    order = list(pages().values())
    i = [p.slug for p in order].index(slug)
    return (order[i - 1] if i else None, order[i + 1] if i + 1 < len(order) else None)


@cache
def mathml(latex: str) -> SafeString:
    """A formula of the catalogue as MathML. Browsers draw it without any script."""
    text = convert(latex, display="block").replace("<mi>log</mi>", '<mi>log</mi><mspace width="0.17em"></mspace>')
    return mark_safe(text)  # noqa: S308 - our own formulas, and the converter escapes text


def terms_of(system: System) -> list[dict[str, Any]]:
    """The objective terms a system composes, with formula, paper and options."""
    return [
        {"part": PARTS[name], "formula": mathml(PARTS[name].formula), "options": _options(PARTS[name])}
        for name in system.parts
        if name in PARTS
    ]


def search(query: str, at_most: int = 20) -> list[Hit]:
    """Pages and methods that have every word of the query; titles count most."""
    words = [w.lower() for w in WORD.findall(query)][:8]
    if not words:
        return []
    found = [
        hit
        for page in pages().values()
        if (hit := _match(words, page.title, page.text, "Manual", "help:page", page.slug))
    ]
    for s in SYSTEMS.values():
        text = " ".join(
            [
                s.question,
                s.summary,
                s.when_to_use,
                *s.differs,
                *(o.title + " " + o.help for o in s.options.values()),
                s.paper.title + " " + s.paper.authors if s.paper else "",
            ]
        )
        if hit := _match(words, s.title, text, "Method", "help:method", s.id):
            found.append(hit)
    return sorted(found, key=lambda h: -h.score)[:at_most]


def _match(words: list[str], title: str, text: str, kind: str, url_name: str, slug: str) -> Hit | None:
    low_title, low = title.lower(), text.lower()
    if not all(w in low or w in low_title for w in words):
        return None
    score = sum(10 * (w in low_title) + min(5, low.count(w)) for w in words)
    at = max(0, min((i for w in words if (i := low.find(w)) >= 0), default=0) - 60)
    excerpt = ("… " if at else "") + " ".join(text[at : at + 220].split()) + " …"
    return Hit(title, kind, url_name, slug, excerpt, score)


def _read(slug: str) -> Page:
    text = (FOLDER / f"{slug}.md").read_text(encoding="utf-8")
    title, _, body = text.partition("\n")
    body = _filled(slug, body.strip())
    html = MarkdownIt("commonmark", {"html": False, "typographer": False}).enable("table").render(body)
    html = (
        html.replace("<pre>", '<pre tabindex="0">')
        .replace("<table>", '<div class="table-responsive" tabindex="0"><table class="table">')
        .replace("</table>", "</table></div>")
    )
    plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", re.sub(r"[*`#|>]+", " ", body))
    safe = mark_safe(html)  # noqa: S308 - our own pages, and the converter escapes HTML in them
    return Page(slug, title.removeprefix("# ").strip(), " ".join(plain.split("\n\n")[0].split()), plain, safe)


def _filled(slug: str, body: str) -> str:
    """The page on tasks lists the engine's own templates, so that what is described is what happens."""
    if slug != "tasks":
        return body
    rows = [
        f"| **{t.title}** | {t.description} {t.answer_words} | {' '.join(t.instruction.split())} | `{t.metric}`: {t.metric_why} |"
        for t in TEMPLATES.values()
    ]
    tasks = "\n".join(["| Task | Rows | Instruction it proposes | Metric it proposes |", "|---|---|---|---|", *rows])
    variables = "\n".join(f"- `{{{{{name}}}}}`: {words}" for name, words in VARIABLES.items())
    return body.replace("{tasks}", tasks).replace(
        "{variables}", variables + "\n- the name of any column: its text in the row"
    )


def _options(part: Any) -> list[dict[str, Any]]:
    schema = part.Options.model_json_schema()
    return [
        {"name": name, "title": o.get("title", name), "help": o.get("description", ""), "default": o.get("default")}
        for name, o in (schema.get("properties") or {}).items()
    ]
