"""The recipe as a form. Labels, help, ranges and choices come from the schema of the recipe and of the method's options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from pydantic import BaseModel

from jobs.distill.recipe import Adapter, Data, Evaluation, ModelRef, Recipe, Schedule, Student, TrainOptions
from workbench.home.templatetags.ui import anchor

from . import paths

INTEGER = re.compile(r"-?[0-9]{1,18}")
DECIMAL = re.compile(r"-?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][-+]?[0-9]{1,3})?")
LONGEST_TEXT = 2000
LONGEST_PROSE = 60_000

# card -> fields shown at once, fields behind "Advanced". Models, dataset and method have pickers of their own.
CARDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "teacher": ((), ("teacher.revision", "teacher.dtype", "teacher.quantise", "teacher.placement")),
    "student": ((), ("student.revision", "student.dtype", "student.quantise", "student.placement")),
    "dataset": ((), ("data.limit", "data.max_length", "data.too_long")),
    "training": (
        ("train.epochs", "train.steps", "train.learning_rate", "train.batch_size"),
        ("train.teacher", "train.max_new_tokens", "train.schedule.type", "train.schedule.warmup", "train.schedule.final",
         "train.weight_decay", "train.clip", "train.micro_batch", "train.checkpoint_seconds"),
    ),
    "adapter": (
        ("student.adapter.rank", "student.adapter.alpha"),
        ("student.adapter.targets", "student.adapter.dropout", "student.adapter.rslora", "student.adapter.dora", "student.adapter.head"),
    ),
    "evaluation": (("evaluation.metric", "control"), ("evaluation.limit", "evaluation.max_new_tokens", "evaluation.batch_size", "evaluation.bootstrap")),
    "output": (("name",), ("seed",)),
}  # fmt: skip
MODELS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("student.adapter", Adapter), ("train.schedule", Schedule), ("teacher", ModelRef), ("student", Student), ("data", Data),
    ("train", TrainOptions), ("evaluation", Evaluation), ("", Recipe),
)  # fmt: skip
WORDS = {
    "float32": "float32",
    "bfloat16": "bfloat16",
    "float16": "float16",
    "auto": "Automatic",
    "nf4": "4 bits (NF4)",
    "rouge_l": "ROUGE-L",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "bleu": "BLEU",
    "chrf": "chrF",
    "set_f1": "F1 of listed things",
    "drop": "Leave out",
    "truncate": "Cut the question",
    "online": "Teacher runs beside",
    "recorded": "Recorded once",
    "each": "A copy on each GPU",
    "sharded": "Shared out over the GPUs",
    "own": "A GPU of its own",
}
PICKED = ("teacher.model", "student.model", "data.dataset", "data.version", "method")


@dataclass(frozen=True)
class Input:
    """One field of the form, ready for a template. kind: text | integer | number | choice | switch | list."""

    path: str
    title: str
    help: str = ""
    kind: str = "text"
    choices: tuple[tuple[str, str], ...] = ()
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    default: Any = None
    value: Any = field(default=None, compare=False)
    suggestions: tuple[str, ...] = field(default=(), compare=False)
    groups: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()  # choices under headings
    fixed: bool = False  # shown, but not changed here

    @property
    def id(self) -> str:
        return anchor(self.path)

    @property
    def range(self) -> str:
        """The allowed range in words, from the schema."""
        low = (
            f"from {_plain(self.low)}"
            if self.low is not None
            else f"more than {_plain(self.above)}"
            if self.above is not None
            else ""
        )
        high = (
            f"up to {_plain(self.high)}"
            if self.high is not None
            else f"less than {_plain(self.below)}"
            if self.below is not None
            else ""
        )
        return ", ".join(x for x in (low, high) if x)

    @property
    def shown(self) -> str:
        spaced = isinstance(self.default, str) and self.default != self.default.strip()
        own = self.kind in ("choice", "prose") or spaced or (self.kind == "lines" and isinstance(self.default, list))
        value = self.default if self.value is None and own else self.value
        if value is None:
            return ""
        if self.kind == "tri":
            return str(value).lower()
        if self.kind == "pairs" and isinstance(value, dict):
            return "\n".join(f"{k} = {v}" for k, v in value.items())
        if self.kind == "points" and isinstance(value, list):
            return "\n".join(" ".join(map(str, p)) if isinstance(p, list | tuple) else str(p) for p in value)
        if isinstance(value, list):
            return ("\n" if self.kind == "lines" else ", ").join(map(str, value))
        return str(value)

    @property
    def said_default(self) -> str:
        """The default in the words of a recipe file; empty where there is none, or where it is a group."""
        if isinstance(self.default, bool):
            return str(self.default).lower()
        return "" if self.default is None or isinstance(self.default, dict) else str(self.default)

    @property
    def label_of_value(self) -> str:
        """The chosen value in words."""
        return dict(self.choices).get(self.shown, self.shown)

    @property
    def stranger(self) -> str:
        """A chosen value that is none of the choices: kept and shown, so that the check can name it."""
        return "" if self.shown in dict(self.choices) else self.shown

    @property
    def is_on(self) -> bool:
        return bool(self.default if self.value is None else self.value)

    @property
    def placeholder(self) -> str:
        if self.kind == "switch" or self.default is None or isinstance(self.default, bool | dict | list):
            return ""
        return str(self.default)


def card_of(path: str | None) -> str:
    """The card where a problem of `path` is shown."""
    path = path or ""
    for card, (simple, more) in CARDS.items():
        if any(path == p or path.startswith(p + ".") for p in (*simple, *more)):
            return card
    for prefix, card in (
        ("student.adapter", "adapter"),
        ("student", "student"),
        ("teacher", "teacher"),
        ("data", "dataset"),
        ("method", "method"),
        ("options", "method"),
        ("stages", "training"),
        ("train", "training"),
        ("evaluation", "evaluation"),
        ("control", "evaluation"),
    ):
        if path == prefix or path.startswith(prefix + "."):
            return card
    return "output"


def inputs(card: str, fields: Mapping[str, Any]) -> tuple[list[Input], list[Input]]:
    """Simple and advanced fields of a card with the draft's values."""
    simple, more = CARDS[card]
    return [_filled(p, fields) for p in simple], [_filled(p, fields) for p in more]


def option_inputs(schema: Mapping[str, Any], fields: Mapping[str, Any]) -> list[Input]:
    """Fields of a method's own options, from its JSON schema."""
    found = [_input(f"options.{name}", spec, schema) for name, spec in (schema.get("properties") or {}).items()]
    return [_with(i, paths.get(fields, i.path)) for i in found]


def parse(post: Mapping[str, str], fields: Mapping[str, Any], options: Iterable[Input] = ()) -> dict[str, Any]:
    """The draft's fields after a post of the form. Fields the form does not have keep what they are.

    Text that is no number stays text, so that the check can show it with the allowed range; nothing is guessed. An input
    that says what it was shown with changes nothing.
    """
    out = deepcopy(dict(fields))
    for path in PICKED:
        if path in post:
            _store(out, path, _version(post[path]) if path == "data.version" else plain_text(post[path]), None)
    for item in [*all_inputs(), *options]:
        shown = f"{item.path}:shown" in post or item.path in post
        if shown and not untouched(item, post, paths.get(fields, item.path)):
            _store(out, item.path, _value(item, post), item.default)
    return out


def untouched(item: Input, post: Mapping[str, str], old: Any) -> bool:
    """Whether the post says what the form showed for `old`: then the value stays as it was written, to the last space."""
    before = _with(item, old)
    if item.kind == "switch":
        return (plain_text(post.get(item.path, "")) in ("on", "true", "1")) == before.is_on
    lines = item.kind in ("lines", "pairs", "points", "prose")
    said, shown = (_one_form(t, lines) for t in (post.get(item.path, ""), before.shown))
    return said == shown


def _one_form(text: str, lines: bool) -> str:
    """As a browser sends it: one kind of line end in a text area, none in a line."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.removesuffix("\n") if lines else text.replace("\n", "")


def plain_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """Typed text without what no database stores: NUL and half characters."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode().strip()[:longest]


@cache
def all_inputs() -> tuple[Input, ...]:
    return tuple(described(p) for simple, more in CARDS.values() for p in (*simple, *more))


@cache
def described(path: str) -> Input:
    """The field of the recipe's schema at `path`, without a value."""
    prefix, model = next((p, m) for p, m in MODELS if path.startswith(p + ".") or p == "")
    name = path.removeprefix(prefix + ".") if prefix else path
    schema = model.model_json_schema()
    item = _input(path, schema["properties"][name], schema)
    if prefix == "train.schedule":  # without a word the method's own schedule counts, not the defaults of a schedule
        choices = (("", "Chosen by the method"), *item.choices) if item.choices else ()
        return replace(item, default=None, choices=choices)
    return item


def _filled(path: str, fields: Mapping[str, Any]) -> Input:
    return _with(described(path), paths.get(fields, path))


def _with(item: Input, value: Any) -> Input:
    return Input(**{**item.__dict__, "value": value})


def _input(path: str, spec: Mapping[str, Any], schema: Mapping[str, Any]) -> Input:
    kinds = [_resolved(s, schema) for s in spec.get("anyOf", [spec])]
    real = next(
        (k for k in kinds if k.get("type") != "null" and not (k.get("type") == "array" and len(kinds) > 1)), kinds[0]
    )
    kind, choices = _kind(real, kinds)
    default = spec.get("default")
    if kind == "choice" and default is None and any(k.get("type") == "null" for k in kinds):
        choices = (("", "Chosen by the method"), *choices)
    return Input(
        path=path, title=spec.get("title") or path.rpartition(".")[2], help=spec.get("description", ""), kind=kind, choices=choices,
        low=real.get("minimum"), high=real.get("maximum"), above=real.get("exclusiveMinimum"), below=real.get("exclusiveMaximum"), default=default,
    )  # fmt: skip


def _kind(real: Mapping[str, Any], kinds: list[Mapping[str, Any]]) -> tuple[str, tuple[tuple[str, str], ...]]:
    if any(k.get("type") == "array" for k in kinds):
        return ("lines" if real.get("type") == "array" and len(kinds) == 1 else "list"), ()
    if real.get("format") == "prose":
        return "prose", ()
    if "enum" in real:
        return "choice", tuple(
            (str(v), WORDS.get(str(v)) or str(v).replace("_", " ").capitalize()) for v in real["enum"]
        )
    kind = {"integer": "integer", "number": "number", "boolean": "switch"}.get(str(real.get("type")), "text")
    return kind, ()


def _resolved(spec: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in spec:
        return schema["$defs"][spec["$ref"].rpartition("/")[2]]  # type: ignore[no-any-return]
    return spec


def _value(item: Input, post: Mapping[str, str]) -> Any:
    text = plain_text(post.get(item.path, ""), LONGEST_PROSE if item.kind == "prose" else LONGEST_TEXT)
    if item.kind == "switch":
        return text in ("on", "true", "1")
    if item.kind == "list":
        names = [n for n in re.split(r"[\s,]+", text) if n]
        return item.default if not names else names[0] if names == [item.default] else names
    if item.kind == "lines":
        return [line.strip() for line in text.splitlines() if line.strip()] or None
    if not text:
        return None
    if item.kind == "prose":
        return text.replace("\r\n", "\n")
    if item.kind == "integer":
        return int(text) if INTEGER.fullmatch(text) else text
    if item.kind == "number":
        return number_of(text)
    return text


def number_of(text: str) -> float | int | str:
    if INTEGER.fullmatch(text):
        return int(text)
    if not DECIMAL.fullmatch(text):
        return text
    x = float(text)
    return x if abs(x) != float("inf") else text


def _version(text: str) -> Any:
    text = plain_text(text)
    return int(text) if INTEGER.fullmatch(text) else text


def _store(out: dict[str, Any], path: str, value: Any, default: Any) -> None:
    if value in (None, "") or (value == default and type(value) is type(default)):
        paths.drop(out, path)
    else:
        paths.put(out, path, value)


def _plain(x: float | None) -> str:
    if x is None:
        return ""
    return f"{int(x):,}" if float(x).is_integer() and abs(x) < 1e15 else f"{x:g}"
